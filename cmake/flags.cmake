# SPDX-License-Identifier: Apache-2.0
# Warnings, sanitizers and hardening, on one interface target that every target of ours links.
add_library(rf_flags INTERFACE)
target_include_directories(rf_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(rf_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
  RF_VERSION="${PROJECT_VERSION}")
target_compile_options(rf_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual -Wundef -Wnull-dereference
  -Wimplicit-fallthrough -Wpointer-arith -Walloca -Wunused-result -include ${PROJECT_SOURCE_DIR}/base/banned.h
  -fno-common -fvisibility=hidden -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
if(RF_WERROR)
  target_compile_options(rf_flags INTERFACE -Werror)
endif()
if(RF_SANITIZE)
  target_compile_options(rf_flags INTERFACE -fsanitize=${RF_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(rf_flags INTERFACE -fsanitize=${RF_SANITIZE})
endif()
if(RF_FUZZ)
  # Coverage feedback from the libraries too; only the targets themselves bring libFuzzer's main.
  target_compile_options(rf_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(RF_COVERAGE)
  target_compile_options(rf_flags INTERFACE --coverage -O0)
  target_link_options(rf_flags INTERFACE --coverage)
endif()
if(RF_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(rf_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
    -ftrivial-auto-var-init=zero -fno-strict-overflow -fno-delete-null-pointer-checks)
  target_link_options(rf_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
target_link_options(rf_flags INTERFACE -Wl,--as-needed)
