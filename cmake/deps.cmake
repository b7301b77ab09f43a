# SPDX-License-Identifier: Apache-2.0
# The libraries we stand on. Each folder links only those it uses.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)

# The file name that the dynamic loader knows a library by; empty where it has to be linked as usual.
option(RF_LAZY_LIBRARIES "Load libcurl, libarchive and libmicrohttpd when they are first needed instead of at start" ON)
function(rf_soname out file)
  set(${out} "" PARENT_SCOPE)
  if(NOT RF_LAZY_LIBRARIES OR NOT CMAKE_READELF)
    return()
  endif()
  execute_process(COMMAND ${CMAKE_READELF} -d ${file} OUTPUT_VARIABLE dynamic ERROR_QUIET)
  if(dynamic MATCHES "SONAME[^\n]*\\[([^]\n]+)\\]")
    set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
  endif()
endfunction()

# libcurl and the two dozen libraries that it needs take longer to load than everything else that a program does at start, so they are
# loaded when the first request is made (regclient/curl_lazy.c, which passes variable arguments on as registers of 64 bits).
set(RF_CURL_SONAME "")
if(CMAKE_SIZEOF_VOID_P EQUAL 8)
  list(GET CURL_LINK_LIBRARIES 0 curl_file)
  rf_soname(RF_CURL_SONAME ${curl_file})
endif()

# Likewise libarchive (layout/archive_lazy.c), which brings libraries for XML and Unicode, and the library of the listener (serve/http_lazy.c),
# which brings GnuTLS.
list(GET ARCHIVE_LINK_LIBRARIES 0 archive_file)
rf_soname(RF_ARCHIVE_SONAME ${archive_file})
list(GET MICROHTTPD_LINK_LIBRARIES 0 mhd_file)
rf_soname(RF_MHD_SONAME ${mhd_file})
