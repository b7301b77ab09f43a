-- expect: error: nested too deeply
require("json").decode(("["):rep(1000000))
