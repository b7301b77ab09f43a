-- expect: error: binary chunk
require("compiled")
host.escaped("require")
