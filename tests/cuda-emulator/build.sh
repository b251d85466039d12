#!/bin/sh
# build.sh OUTDIR: makes OUTDIR/libmoe-cuda-emulator.so and puts the headers that it compiles kernels with beside it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTDIR}
mkdir -p "$out"
cp "$here/abi.h" "$here/emulated_device.h" "$here/emulated_warps.h" "$here/ptx_emulated.cuh" "$out/"
g++ -std=c++20 -O2 -Wall -Wextra -Wno-restrict -fPIC -ftls-model=initial-exec -shared -pthread -o "$out/libmoe-cuda-emulator.so" "$here"/block.cpp "$here"/workers.cpp "$here"/memory.cpp \
    "$here"/streams.cpp "$here"/driver_*.cpp "$here"/kernel_names.cpp "$here"/nvrtc.cpp -ldl
