// Sums and maxima over a warp or a block, always in the same order; every thread gets the result.
#pragma once

__device__ __forceinline__ float negative_infinity()
{
    return __int_as_float(0xFF800000);
}

__device__ __forceinline__ float warp_sum(float x)
{
    #pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        x += __shfl_xor_sync(0xFFFFFFFFu, x, distance);
    return x;
}

__device__ __forceinline__ float warp_max(float x)
{
    #pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, distance));
    return x;
}

// The warps' results one after the other. All threads of the block call it together; scratch is shared memory of 32 floats, which may be
// used again after the next barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch)
{
    x = warp_sum(x);
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = x;
    __syncthreads();
    float sum = scratch[0];
    for (int warp = 1; warp < blockDim.x / 32; warp++)
        sum += scratch[warp];
    return sum;
}

__device__ __forceinline__ float block_max(float x, float* scratch)
{
    x = warp_max(x);
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = x;
    __syncthreads();
    float most = scratch[0];
    for (int warp = 1; warp < blockDim.x / 32; warp++)
        most = fmaxf(most, scratch[warp]);
    return most;
}
