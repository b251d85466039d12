// The steps of attention one by one, as plainly as possible: what flash attention is checked against. KV is the format of the memory.
#include "geometry.cuh"
#include "ptx.cuh"
#include "kv_formats.cuh"
#include "kv_pages.cuh"
#include "reductions.cuh"

struct SeenRow
{
    int length, head;
    const int* table;
};

__device__ __forceinline__ SeenRow seen_by(const ComposedAttentionGeometry& g, int row)
{
    int token = row / g.heads;
    return { g.lengths[token], row % g.heads / (g.heads / g.kvHeads), g.pages + g.starts[token] };
}

// scores[j] = scale * sum(query[i] * key[j][i]); a warp per key, lane l has elements l, l + 32, ...
extern "C" __global__ void attention_scores(const ComposedAttentionGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    int row = blockIdx.x, warps = blockDim.x / 32, lane = threadIdx.x % 32;
    SeenRow seen = seen_by(g, row);
    const float* query = g.queries + (long long)row * g.width;
    for (int position = blockIdx.y * warps + threadIdx.x / 32; position < seen.length; position += gridDim.y * warps)
    {
        const uint8* key = row_at<KV>(g.memory, seen.table, position, seen.head, g.kvHeads, g.pageLength, g.width);
        float sum = 0;
        for (int i = lane; i < g.width; i += 32)
            sum += query[i] * KV::read(key, i);
        sum = warp_sum(sum);
        if (lane == 0)
            g.scores[(long long)row * g.context + position] = g.scale * sum;
    }
}

// out[i] = sum(weight[j] * value[j][i]) in the order of j; a thread per element.
extern "C" __global__ void attention_values(const ComposedAttentionGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    int row = blockIdx.x;
    SeenRow seen = seen_by(g, row);
    const float* weights = g.scores + (long long)row * g.context;
    for (int i = threadIdx.x; i < g.width; i += blockDim.x)
    {
        float sum = 0;
        for (int position = 0; position < seen.length; position++)
            sum += weights[position] * KV::read(row_at<KV>(g.memory, seen.table, position, seen.head, g.kvHeads, g.pageLength, g.width), i);
        g.result[(long long)row * g.width + i] = sum;
    }
}
