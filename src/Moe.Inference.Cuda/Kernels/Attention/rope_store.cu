// What attention does between its products: queries and keys normalized by head if there are weights for it, both rotated, keys and values
// encoded into their slots of key/value memory. A warp has one head of one token: its query, its key, or its value.
#include "geometry.cuh"
#include "ptx.cuh"
#include "kv_formats.cuh"
#include "kv_pages.cuh"

// What a lane holds of a weight at the most, before there is anything to multiply.
constexpr int MostHeld = 4;

// Lane l makes elements l, l + 32, ... of: out[i] = x[i] * (1 / sqrt(sum(x[j] * x[j]) / width + epsilon)) * weight[i]
__device__ __forceinline__ void normalize(float* head, const float* weight, const float (&held)[MostHeld], int width, float epsilon)
{
    int lane = threadIdx.x % 32;
    float squares = 0;
    for (int i = lane; i < width; i += 32)
        squares += head[i] * head[i];
    float scale = 1.0f / sqrtf(warp_sum(squares) / width + epsilon);
    #pragma unroll
    for (int n = 0; n < MostHeld; n++)
    {
        int i = lane + 32 * n;
        if (i < width)
            head[i] = head[i] * scale * held[n];
    }

    for (int i = lane + 32 * MostHeld; i < width; i += 32)
        head[i] = head[i] * scale * weight[i];
    __syncwarp();
}

// Element i of a head whose pairs (a, b) become (a cos - b sin, b cos + a sin).
template <bool Halves>
__device__ __forceinline__ float rotated(const float* head, const float* table, int pairs, int i)
{
    if (i >= 2 * pairs)
        return head[i];
    int pair = Halves ? i % pairs : i / 2;
    bool isFirst = Halves ? i < pairs : i % 2 == 0;
    float a = head[Halves ? pair : 2 * pair], b = head[Halves ? pair + pairs : 2 * pair + 1];
    return isFirst ? a * table[pair] - b * table[pairs + pair] : b * table[pair] + a * table[pairs + pair];
}

template <bool Halves>
__device__ __forceinline__ void rope_and_store(const RopeStoreGeometry& g)
{
    long long row = (long long)blockIdx.x * g.perBlock + threadIdx.x / 32;
    if (row >= g.rows)
        return;
    int lane = threadIdx.x % 32, perToken = g.heads + 2 * g.kvHeads, which = (int)(row % perToken);
    long long token = row / perToken;
    bool isQuery = which < g.heads, isValue = which >= g.heads + g.kvHeads;
    int head = isQuery ? which : (which - g.heads) % g.kvHeads, width = isValue ? g.valueWidth : g.headWidth;
    const float* source = isQuery ? g.queries + (token * g.heads + head) * width : (isValue ? g.values : g.keys) + (token * g.kvHeads + head) * width;

    // Weights do not depend on the kernel before.
    bool normalizes = g.normalizes && !isValue;
    const float* weight = isQuery ? g.queryNorm : g.keyNorm;
    float held[MostHeld];
    #pragma unroll
    for (int n = 0; n < MostHeld; n++)
        held[n] = normalizes && lane + 32 * n < width ? weight[lane + 32 * n] : 0.0f;
    grid_dependency_wait();

    float* x = (float*)dynamic_shared() + threadIdx.x / 32 * g.widest;
    for (int i = lane; i < width; i += 32)
        x[i] = source[i];
    __syncwarp();
    if (normalizes)
        normalize(x, weight, held, width, g.epsilon);

    const float* table = g.table + token * 2 * g.pairs;
    if (isQuery)
    {
        for (int i = lane; i < width; i += 32)
            g.result[(token * g.heads + head) * width + i] = rotated<Halves>(x, table, g.pairs, i);
        return;
    }

    int slot = g.slots[token];
    uint8* rows = page_rows<KV>(isValue ? g.valuePages : g.keyPages, slot / g.pageLength, head, g.kvHeads, g.pageLength, width);
    uint8* target = rows + slot % g.pageLength * KV::row_bytes(width);
    for (int first = 0; first < width; first += 32)
    {
        int i = first + lane;
        bool inside = i < width;
        KV::store(target, first, lane, inside, !inside ? 0.0f : isValue ? x[i] : rotated<Halves>(x, table, g.pairs, i));
    }
}

extern "C" __global__ void rope_store_halves(const RopeStoreGeometry g)
{
    grid_dependency_launch();
    rope_and_store<true>(g);
}

extern "C" __global__ void rope_store_pairs(const RopeStoreGeometry g)
{
    grid_dependency_launch();
    rope_and_store<false>(g);
}
