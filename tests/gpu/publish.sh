#!/usr/bin/env bash
# Publishes the CUDA tests and Bench, self-contained for 64-bit Linux, as one archive for a GPU machine without .NET.
#   tests/gpu/publish.sh [FOLDER]      makes FOLDER/moe-gpu.tar.xz (default: artifacts/gpu)
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-artifacts/gpu}
rm -rf "$target"
mkdir -p "$target/moe-gpu"
for project in samples/Bench tests/Moe.Inference.Cuda.Tests; do
  dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:PublishSingleFile=false -p:DebugType=none -nodeReuse:false -v q -o "$target/moe-gpu"
done
rm -rf "$target/moe-gpu/Microsoft.CodeCoverage"
cp -r samples/models tests/gpu/run.sh tests/gpu/sanitize.sh "$target/moe-gpu/"
tar -C "$target" -cf - moe-gpu | xz -T0 -3 > "$target/moe-gpu.tar.xz"
ls -l "$target/moe-gpu.tar.xz"
