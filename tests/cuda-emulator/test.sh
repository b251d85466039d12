#!/bin/sh
# test.sh OUTDIR: builds the emulator there and checks it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: test.sh OUTDIR}
"$here/build.sh" "$out"
g++ -std=c++20 -O1 -Wall -Wextra -o "$out/selftest" "$here/selftest.cpp" "$here/selftest_results.cpp" "$out/libmoe-cuda-emulator.so" -Wl,-rpath,"$out"
"$out/selftest" "$here" 2> "$out/selftest.log"
MOE_EMU_ORDER=reverse MOE_EMU_PROTECT=1 "$out/selftest" "$here" 2>> "$out/selftest.log"
MOE_EMU_SANITIZE=0 "$out/selftest" "$here" speed
MOE_EMU_ASYNC=1 "$out/selftest" "$here"
