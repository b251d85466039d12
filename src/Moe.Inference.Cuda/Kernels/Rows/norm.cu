// Root-mean-square normalization. Scalar equivalent, for every group x of `width` elements:
//     out[i] = x[i] * (1 / sqrt(sum(x[j] * x[j]) / width + epsilon)) * weight[i]
#include "geometry.cuh"
#include "ptx.cuh"
#include "reductions.cuh"

__device__ __forceinline__ float squares(const float* x, int width, int first, int stride)
{
    float sum = 0;
    #pragma unroll 4
    for (int i = first; i < width; i += stride)
        sum += x[i] * x[i];
    return sum;
}

__device__ __forceinline__ void scale_group(const NormGeometry& g, long long group, float sum, int first, int stride)
{
    float scale = 1.0f / sqrtf(sum / g.width + g.epsilon);
    const float* x = g.source + group * g.width;
    float* y = g.result + group * g.width;
    #pragma unroll 4
    for (int i = first; i < g.width; i += stride)
        y[i] = x[i] * scale * g.weight[i];
}

// A warp per group: lane l has elements l, l + 32, ...
extern "C" __global__ void norm_warp(const NormGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    long long group = (long long)blockIdx.x * g.perBlock + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (group < g.groups)
        scale_group(g, group, warp_sum(squares(g.source + group * g.width, g.width, lane, 32)), lane, 32);
}

// A block per group: thread t has elements t, t + threads, ...
extern "C" __global__ void norm_block(const NormGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    __shared__ float scratch[32];
    long long group = blockIdx.x;
    float sum = block_sum(squares(g.source + group * g.width, g.width, threadIdx.x, blockDim.x), scratch);
    scale_group(g, group, sum, threadIdx.x, blockDim.x);
}
