/**
 * A certificate for `localhost`, `127.0.0.1` and `::1`, for tests over TLS.
 *
 * It is self-signed, without a certificate authority, and valid until the
 * year 2126. Its key is public: it protects nothing. Made once, with
 * OpenSSL 3.0, by
 *
 * ```sh
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
 *   -sha256 -days 36525 -subj "/CN=localhost" \
 *   -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" \
 *   -addext "basicConstraints=critical,CA:FALSE" \
 *   -addext "keyUsage=critical,digitalSignature" \
 *   -addext "extendedKeyUsage=serverAuth" \
 *   -keyout key.pem -out cert.pem
 * ```
 */

/** The certificate, as PEM. */
export const certificate: string = `-----BEGIN CERTIFICATE-----
MIIB0DCCAXegAwIBAgIUAOUIfN4mjDueqF4kEVJLVlHcJb0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAwNTEyNVoYDzIxMjYxMTIy
MDA1MTI1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASZYspG+GwwQ8433xO7Qork4x4TUDUJlkN17lm43QQmQKv5DvS1bzw1
Zd9WAIv6dIUSTJu7rUFNW0GSerRPaWMEo4GkMIGhMB0GA1UdDgQWBBQdz6fZjflE
An61coFJp7p37Xe1wjAfBgNVHSMEGDAWgBQdz6fZjflEAn61coFJp7p37Xe1wjAs
BgNVHREEJTAjgglsb2NhbGhvc3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwDAYD
VR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEw
CgYIKoZIzj0EAwIDRwAwRAIgEpbnqBAXiilbORlACKIKKWmAymgJfIdL6uObvEkX
aGUCIEqJhaHJmZxzCWuVg3qeve/LIQyEG9hXihQqUAREqYEI
-----END CERTIFICATE-----
`;

/** The private key of {@linkcode certificate}, as PEM (PKCS #8). */
export const privateKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg17xYebxq2HL1uxqq
2lSgUoF6MlXO7lj/MLqWcmA7+LWhRANCAASZYspG+GwwQ8433xO7Qork4x4TUDUJ
lkN17lm43QQmQKv5DvS1bzw1Zd9WAIv6dIUSTJu7rUFNW0GSerRPaWME
-----END PRIVATE KEY-----
`;
