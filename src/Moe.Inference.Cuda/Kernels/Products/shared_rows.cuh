// A few rows of activations rounded to 8 bits in shared memory: all codes, then all scales, then half the sum of each 32 codes.
#pragma once
#include "formats.cuh"
#include "q8_row.cuh"

// A row's codes are kept in units of 16 bytes whose order is changed within 256 bytes, so that the units that neighbouring lanes read,
// one run of neighbouring pieces each, lie in different banks.
template <class F>
__device__ __forceinline__ int shared_unit(int unit)
{
    constexpr int RunDistance = (F::start(0, 1) - F::start(0, 0)) / 16;
    return unit ^ (((unit >> 3) & 1) * RunDistance);
}

template <class F>
struct SharedRows
{
    uint8* memory;
    int rows, width; // a multiple of F::Length

    __device__ __forceinline__ const uint8* codes(int row) const { return memory + row * width; }

    __device__ __forceinline__ float* scales(int row) const { return (float*)(memory + rows * width) + row * (width / F::ActivationBlock); }

    __device__ __forceinline__ float* half_sums(int row) const { return scales(rows) + row * (width / 32); }

    // The whole block rounds the rows; row r is x[r * width ..].
    __device__ __forceinline__ void fill(const float* x) const
    {
        fill_from([&](int row) { return x + (long long)row * width; });
    }

    // The same, where source(r) is the address of row r.
    template <class Source>
    __device__ __forceinline__ void fill_from(Source source) const
    {
        constexpr int Together = 4; // loads under way at once
        const int lane = threadIdx.x & 31, warps = blockDim.x / 32;
        const int parts = (width + 255) / 256, jobs = rows * parts;
        for (int first = threadIdx.x / 32; first < jobs; first += Together * warps)
        {
            Eight values[Together];
#pragma unroll
            for (int i = 0; i < Together; i++)
            {
                const int job = first + i * warps, row = job / parts, at = (job - row * parts) * 256 + 8 * lane;
                const bool valid = job < jobs && at < width;
                values[i] = load_eight(source(valid ? row : 0) + at, valid);
            }
#pragma unroll
            for (int i = 0; i < Together; i++)
            {
                const int job = first + i * warps, row = job / parts, at = (job - row * parts) * 256 + 8 * lane;
                if (job < jobs)
                    keep(row, at, round_to_8_bits<F::ActivationBlock>(values[i]));
            }
        }
    }

private:
    __device__ __forceinline__ void keep(int row, int at, const Q8Part& part) const
    {
        if (at >= width)
            return;
        *(uint2*)(memory + row * width + shared_unit<F>(at / 16) * 16 + at % 16) = part.codes;
        if (at % F::ActivationBlock == 0)
            scales(row)[at / F::ActivationBlock] = part.scale;
        if (F::HasMinimum && at % 32 == 0)
            half_sums(row)[at / 32] = 0.5f * part.sum;
    }
};
