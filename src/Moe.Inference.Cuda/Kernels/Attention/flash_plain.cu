// Attention for any type and width: a block per token and head, 64 keys at a time, in float32. KV is the format of the memory.
#include "geometry.cuh"
#include "ptx.cuh"
#include "kv_formats.cuh"
#include "kv_pages.cuh"
#include "reductions.cuh"

constexpr int Keys = 64;

// Scores of `count` keys: a warp per key, lane l has elements l, l + 32, ...
__device__ __forceinline__ void score(const FlashGeometry& g, const float* query, const int* table, int kvHead, int position, int count, float* scores)
{
    for (int key = threadIdx.x / 32; key < count; key += blockDim.x / 32)
    {
        const uint8* row = row_at<KV>(g.keys, table, position + key, kvHead, g.kvHeads, 1 << g.pageShift, g.keyWidth);
        float sum = 0;
        for (int i = threadIdx.x % 32; i < g.keyWidth; i += 32)
            sum += query[i] * KV::read(row, i);
        sum = warp_sum(sum);
        if (threadIdx.x % 32 == 0)
            scores[key] = g.scale * sum;
    }
}

extern "C" __global__ void flash_plain(const FlashGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    __shared__ float scores[Keys];
    float* sums = (float*)dynamic_shared();
    int token = blockIdx.x / g.heads, kvHead = blockIdx.x % g.heads / (g.heads / g.kvHeads), length = g.lengths[token];
    const int* table = g.pages + g.starts[token];
    const float* query = g.queries + (long long)blockIdx.x * g.keyWidth;
    float most = negative_infinity(), total = 0;
    for (int i = threadIdx.x; i < g.valueWidth; i += blockDim.x)
        sums[i] = 0;
    for (int position = 0; position < length; position += Keys)
    {
        int count = min(Keys, length - position);
        score(g, query, table, kvHead, position, count, scores);
        __syncthreads();
        float greatest = most;
        for (int key = 0; key < count; key++)
            greatest = fmaxf(greatest, scores[key]);
        __syncthreads();
        if (threadIdx.x < count)
            scores[threadIdx.x] = expf(scores[threadIdx.x] - greatest);
        __syncthreads();
        float before = expf(most - greatest);
        most = greatest;
        total *= before;
        for (int key = 0; key < count; key++)
            total += scores[key];
        for (int i = threadIdx.x; i < g.valueWidth; i += blockDim.x)
        {
            float sum = sums[i] * before;
            for (int key = 0; key < count; key++)
                sum += scores[key] * KV::read(row_at<KV>(g.values, table, position + key, kvHead, g.kvHeads, 1 << g.pageShift, g.valueWidth), i);
            sums[i] = sum;
        }

        __syncthreads();
    }

    for (int i = threadIdx.x; i < g.valueWidth; i += blockDim.x)
        g.result[(long long)blockIdx.x * g.valueWidth + i] = sums[i] / total;
}
