// What can only be seen from outside: a process that ends, and ends well.

import { testUnobserved } from "../support/unobserved_program.ts";

testUnobserved("connections", new URL("unobserved.ts", import.meta.url));
