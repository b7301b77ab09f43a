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

# libcurl and the two dozen libraries that it needs take longer to load than everything else that a program does at start, so they are
# loaded when the first request is made (regclient/curl_lazy.c). RF_CURL_SONAME stays empty where it has to be linked as usual.
option(RF_LAZY_CURL "Load libcurl at the first request instead of at start" ON)
set(RF_CURL_SONAME "")
if(RF_LAZY_CURL AND CMAKE_READELF AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  list(GET CURL_LINK_LIBRARIES 0 curl_file)
  execute_process(COMMAND ${CMAKE_READELF} -d ${curl_file} OUTPUT_VARIABLE curl_dynamic ERROR_QUIET)
  if(curl_dynamic MATCHES "SONAME[^\n]*\\[([^]\n]+)\\]")
    set(RF_CURL_SONAME ${CMAKE_MATCH_1})
  endif()
endif()

# Likewise the library of the listener (serve/http_lazy.c), which brings GnuTLS.
set(RF_MHD_SONAME "")
if(RF_LAZY_CURL AND CMAKE_READELF)
  list(GET MICROHTTPD_LINK_LIBRARIES 0 mhd_file)
  execute_process(COMMAND ${CMAKE_READELF} -d ${mhd_file} OUTPUT_VARIABLE mhd_dynamic ERROR_QUIET)
  if(mhd_dynamic MATCHES "SONAME[^\n]*\\[([^]\n]+)\\]")
    set(RF_MHD_SONAME ${CMAKE_MATCH_1})
  endif()
endif()
