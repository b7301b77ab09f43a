-- expect: error: module 'io' not found
host.escaped(require("io"))
