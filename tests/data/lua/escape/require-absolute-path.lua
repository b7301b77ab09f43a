-- expect: error: not the name of a module
require("/etc/passwd")
host.escaped("require")
