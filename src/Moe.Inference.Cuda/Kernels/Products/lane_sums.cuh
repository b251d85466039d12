// Sums over the lanes of a warp. The order of summation is the same whatever the number of sums: lanes 16 apart first, then 8, 4, 2, 1.
#pragma once
#include "reductions.cuh"

constexpr __device__ int next_power_of_two(int n)
{
    int power = 1;
    while (power < n)
        power *= 2;
    return power;
}

// The sums of all lanes that differ in the bits below 2 * Distance; of 2 * Half values, a lane keeps the half that its bit of Distance names.
template <int Half, int Distance, int N>
__device__ __forceinline__ void exchange(float (&values)[N], int lane)
{
    if constexpr (Half > 0)
    {
        const bool upper = lane & Distance;
#pragma unroll
        for (int i = 0; i < Half; i++)
        {
            const float sent = upper ? values[i] : values[Half + i], kept = upper ? values[Half + i] : values[i];
            values[i] = kept + __shfl_xor_sync(0xFFFFFFFFu, sent, Distance);
        }
    }
    else
    {
        values[0] += __shfl_xor_sync(0xFFFFFFFFu, values[0], Distance);
    }
    if constexpr (Distance > 1)
        exchange<Half / 2, Distance / 2>(values, lane);
}

// N sums at once, N a power of two of at most 32. Lane l returns sum l / (32 / N).
template <int N>
__device__ __forceinline__ float warp_sums(float (&values)[N], int lane)
{
    exchange<N / 2, 16>(values, lane);
    return values[0];
}
