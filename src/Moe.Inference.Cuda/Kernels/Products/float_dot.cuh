// Products of a row of weights of any format with a few rows of float activations, in float32: one warp, or several that each take a
// part of the row. Scalar equivalent: sums[t] += weight[i] * x[t][i].
#pragma once
#include "formats.cuh"

// Adds the calling lane's part of the products. Its warp is number `part` of `parts` that share the row.
template <class F, int T>
__device__ __forceinline__ void add_float_products(const uint8* row, const float* x, int width, int part, int parts, float (&sums)[T])
{
    const int lane = threadIdx.x & 31;
    if constexpr (F::IsBlock)
    {
        for (int at = part * 32 + lane; at < width / 32; at += parts * 32)
        {
            const int block = at / F::Pieces, piece = at % F::Pieces;
            const Piece w = F::unpack(row + (long long)block * F::Bytes, piece);
#pragma unroll
            for (int i = 0; i < 8; i++)
            {
                const int position = block * F::Length + F::start(piece, i / 4) + i % 4 * 4;
                float weights[4];
#pragma unroll
                for (int j = 0; j < 4; j++)
                    weights[j] = fmaf(w.scale[i / 4], (float)(int8)(w.codes[i] >> (8 * j)), -w.minimum[i / 4]);
#pragma unroll
                for (int t = 0; t < T; t++)
                {
                    const float4 v = *(const float4*)(x + (long long)t * width + position);
                    sums[t] = fmaf(weights[3], v.w, fmaf(weights[2], v.z, fmaf(weights[1], v.y, fmaf(weights[0], v.x, sums[t]))));
                }
            }
        }
    }
    else if (width % 4 == 0)
    {
#pragma unroll 4
        for (int at = 4 * (part * 32 + lane); at < width; at += parts * 128)
        {
            float weights[4];
            F::load4(weights, row + (long long)at * F::Bytes);
#pragma unroll
            for (int t = 0; t < T; t++)
            {
                const float4 v = *(const float4*)(x + (long long)t * width + at);
                sums[t] = fmaf(weights[3], v.w, fmaf(weights[2], v.z, fmaf(weights[1], v.y, fmaf(weights[0], v.x, sums[t]))));
            }
        }
    }
    else
    {
        for (int at = part * 32 + lane; at < width; at += parts * 32)
        {
            const float weight = F::load(row + (long long)at * F::Bytes);
#pragma unroll
            for (int t = 0; t < T; t++)
                sums[t] = fmaf(weight, x[(long long)t * width + at], sums[t]);
        }
    }
}
