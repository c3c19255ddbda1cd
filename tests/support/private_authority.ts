/**
 * A certificate authority of our own, and a certificate for `localhost`,
 * `127.0.0.1` and `::1` that it has signed, for tests of clients over TLS.
 *
 * Valid until the year 2126. The key is public: it protects nothing. The key of
 * the authority was thrown away. Made once, with OpenSSL 3, by
 *
 * ```sh
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
 *   -sha256 -days 36525 -subj "/CN=Weir test authority" \
 *   -addext "basicConstraints=critical,CA:TRUE" \
 *   -addext "keyUsage=critical,keyCertSign,cRLSign" \
 *   -keyout authority_key.pem -out authority.pem
 * openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
 *   -subj "/CN=localhost" -keyout key.pem -out request.pem
 * cat > extensions <<END
 * subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
 * basicConstraints=critical,CA:FALSE
 * keyUsage=critical,digitalSignature
 * extendedKeyUsage=serverAuth
 * END
 * openssl x509 -req -in request.pem -CA authority.pem \
 *   -CAkey authority_key.pem -CAcreateserial -days 36524 -sha256 \
 *   -extfile extensions -out certificate.pem
 * ```
 */

/** The authority's certificate, as PEM. */
export const authority: string = `-----BEGIN CERTIFICATE-----
MIIBozCCAUmgAwIBAgIUPUwkzu+I7QTMP7gmR233Yjbwku0wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTV2VpciB0ZXN0IGF1dGhvcml0eTAgFw0yNjExMjEwNDA5MTZa
GA8yMTI2MTEyMjA0MDkxNlowHjEcMBoGA1UEAwwTV2VpciB0ZXN0IGF1dGhvcml0
eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGexsBaMKKOjJXf1hQFdXXQ0Nu5O
hLURqVePJhg3b2/kyLXP+AsCSz0HhQvnj4FBSXj2AuSE1G4jrFPzuWZ5jKWjYzBh
MB0GA1UdDgQWBBTXTXnorU17LDKCQPEoIwjzAE+kfDAfBgNVHSMEGDAWgBTXTXno
rU17LDKCQPEoIwjzAE+kfDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIB
BjAKBggqhkjOPQQDAgNIADBFAiEAzG6uujHelEXvvC3QGBUBhtIpyIsV3MVr7H1S
KTEErXwCICqqGyiKudw44k8nb3ka0tHq5ikQRb1QYuxmEfGi1H+n
-----END CERTIFICATE-----
`;

/** A certificate that it has signed, as PEM. */
export const signedCertificate: string = `-----BEGIN CERTIFICATE-----
MIIB3DCCAYGgAwIBAgIUDHNHkjup6CjVlt+9DiOEt2Aoim8wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTV2VpciB0ZXN0IGF1dGhvcml0eTAgFw0yNjExMjEwNDA5MTZa
GA8yMTI2MTEyMTA0MDkxNlowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE3wUM6bnFZ2mdybtDU28iSEOuU3JShI5sHO+tdqVA
qN0peDkecVw4a7H4vB+3McVxixHnpCJQjtV9+uyeIoMQyaOBpDCBoTAsBgNVHREE
JTAjgglsb2NhbGhvc3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwDAYDVR0TAQH/
BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0O
BBYEFKTRgg+H4gT6pUWdfCO2wOTcRbn/MB8GA1UdIwQYMBaAFNdNeeitTXssMoJA
8SgjCPMAT6R8MAoGCCqGSM49BAMCA0kAMEYCIQDj8uZ2Snc2Oi4l7NxPoW1Sy9vc
iiGI82ll8//eh5sw9QIhAPQGpLD95gMxrCIcc22uMQw/0xyJAUqjtz6bfvQnTHLq
-----END CERTIFICATE-----
`;

/** The private key of {@linkcode signedCertificate}, as PEM (PKCS #8). */
export const signedPrivateKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu7rgcf7MwCFLPSTY
y6/Ooq0lBSL6sAB0kWZEpOpMZiihRANCAATfBQzpucVnaZ3Ju0NTbyJIQ65TclKE
jmwc7612pUCo3Sl4OR5xXDhrsfi8H7cxxXGLEeekIlCO1X367J4igxDJ
-----END PRIVATE KEY-----
`;
