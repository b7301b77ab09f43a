-- expect: error: name
require("json\0/../../etc/passwd")
host.escaped("require")
