-- expect: error: C stack overflow
package.preload.again = function() package.loaded.again = nil return require("again") end
require("again")
