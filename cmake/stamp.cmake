# SPDX-License-Identifier: Apache-2.0
# Writes OUT, a header that says which commit of SOURCE is being built. Run at each build; the file changes only when its content does.
# Without git, or outside a checkout, nothing is defined there and `version` says "unknown".
set(text "/* Made by cmake/stamp.cmake. */\n")
execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC git -C ${SOURCE} log -1 --format=%H%n%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ
                OUTPUT_VARIABLE head ERROR_QUIET RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT failed AND EXISTS ${SOURCE}/.git AND head MATCHES "^([0-9a-f]+)\n([0-9TZ:-]+)$")
  string(APPEND text "#define RF_VCS_COMMIT \"${CMAKE_MATCH_1}\"\n#define RF_VCS_DATE \"${CMAKE_MATCH_2}\"\n")
  execute_process(COMMAND git -C ${SOURCE} diff-index --quiet HEAD -- RESULT_VARIABLE changed ERROR_QUIET)
  if(changed EQUAL 0)
    string(APPEND text "#define RF_VCS_STATE \"clean\"\n")
  else()
    string(APPEND text "#define RF_VCS_STATE \"dirty\"\n")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "${text}" @ONLY)
