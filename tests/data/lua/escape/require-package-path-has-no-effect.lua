-- expect: error: not found
package.path = "/etc/?"
package.cpath = "/lib/?.so"
require("passwd")
host.escaped("require")
