-- expect: error: link
require("outside")
host.escaped("require")
