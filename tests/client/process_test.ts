// What can only be seen from outside: a process that ends, and ends well.

import { testUnobserved } from "../support/unobserved_program.ts";

testUnobserved("clients", new URL("programs/unobserved.ts", import.meta.url));
