// The integers behind the scales of super-block formats, for kernels that add up groups as integers:
// Piece::scale = d * scale(block, group), Piece::minimum = m * minimum(block, group), with d and m of the block's header.
#pragma once
#include "formats.cuh"

template <class Format>
struct TileScales;

struct KScaleIntegers
{
    __device__ static __forceinline__ float d(const uint8* block) { return half_at(block); }
    __device__ static __forceinline__ float m(const uint8* block) { return half_at(block + 2); }

    __device__ static __forceinline__ int scale(const uint8* block, int group)
    {
        return group < 4 ? block[4 + group] & 63 : (block[8 + group] & 15) | (block[group] >> 6 << 4);
    }

    __device__ static __forceinline__ int minimum(const uint8* block, int group)
    {
        return group < 4 ? block[8 + group] & 63 : (block[8 + group] >> 4) | (block[4 + group] >> 6 << 4);
    }
};

template <>
struct TileScales<Q4_K> : KScaleIntegers {};

template <>
struct TileScales<Q5_K> : KScaleIntegers {};

template <>
struct TileScales<Q6_K>
{
    __device__ static __forceinline__ float d(const uint8* block) { return half_at(block + 208); }
    __device__ static __forceinline__ int scale(const uint8* block, int group) { return ((const int8*)block)[192 + group]; }
};

template <>
struct TileScales<IQ4_XS>
{
    __device__ static __forceinline__ float d(const uint8* block) { return half_at(block); }

    __device__ static __forceinline__ int scale(const uint8* block, int group)
    {
        const int low = block[4 + (group >> 1)] >> (4 * (group & 1)), high = block[2 + (group >> 2)] >> (2 * (group & 3));
        return ((low & 15) | ((high & 3) << 4)) - 32;
    }
};

template <>
struct TileScales<IQ5_K>
{
    __device__ static __forceinline__ float d(const uint8* block) { return half_at(block); }

    __device__ static __forceinline__ int scale(const uint8* block, int group)
    {
        const int low = block[8 + (group >> 1)] >> (4 * (group & 1)), high = block[4 + (group >> 2)] >> (2 * (group & 3));
        return ((low & 15) | ((high & 3) << 4)) - 32;
    }
};
