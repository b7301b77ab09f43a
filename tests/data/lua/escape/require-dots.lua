-- expect: error: not the name of a module
require("a..b")
host.escaped("require")
