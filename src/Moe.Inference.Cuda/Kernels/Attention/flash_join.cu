// Joins the parts of contexts that were cut: a block per token and head. Warp w has parts w, w + 8, ..., lane l their elements 4l to 4l + 3;
// the warps' sums are added in the order of the warps.
#include "geometry.cuh"
#include "ptx.cuh"
#include "flash_parts.cuh"
#include "reductions.cuh"

constexpr int Warps = 8, PartsOfWarp = MOST_PARTS / Warps;

extern "C" __global__ void __launch_bounds__(32 * Warps) flash_join(const FlashGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    __shared__ float factors[MOST_PARTS], totals[MOST_PARTS];
    __shared__ float scratch[32];
    __shared__ float4 sums[Warps][32];
    long long row = blockIdx.x;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, count = part_count(g.lengths[row / g.heads]);
    // Whole contexts are finished already.
    if (count == 1)
        return;

    // All loads go out before anything waits for the first.
    bool inside = 4 * lane < g.valueWidth;
    const float* figures = g.partFigures + 2 * row * g.parts;
    const float* parts = g.partSums + row * g.parts * g.valueWidth + 4 * lane;
    float4 part[PartsOfWarp];
    #pragma unroll
    for (int i = 0; i < PartsOfWarp; i++)
    {
        long long number = warp + Warps * i;
        part[i] = inside && number < count ? *(const float4*)(parts + number * g.valueWidth) : make_float4(0, 0, 0, 0);
    }

    bool mine = threadIdx.x < count;
    float score = mine ? figures[2 * threadIdx.x] : negative_infinity(), total = mine ? figures[2 * threadIdx.x + 1] : 0.0f;
    float factor = exp2_approximate(score - block_max(score, scratch));
    if (threadIdx.x < MOST_PARTS)
    {
        factors[threadIdx.x] = factor;
        totals[threadIdx.x] = factor * total;
    }

    __syncthreads();
    float4 sum = make_float4(0, 0, 0, 0);
    #pragma unroll
    for (int i = 0; i < PartsOfWarp; i++)
    {
        float f = factors[warp + Warps * i];
        sum.x += f * part[i].x;
        sum.y += f * part[i].y;
        sum.z += f * part[i].z;
        sum.w += f * part[i].w;
    }

    sums[warp][lane] = sum;
    __syncthreads();
    if (warp > 0)
        return;
    float whole = 0;
    for (int i = lane; i < MOST_PARTS; i += 32)
        whole += totals[i];
    whole = warp_sum(whole);
    for (int other = 1; other < Warps; other++)
    {
        sum.x += sums[other][lane].x;
        sum.y += sums[other][lane].y;
        sum.z += sums[other][lane].z;
        sum.w += sums[other][lane].w;
    }

    if (inside)
        *(float4*)(g.result + row * g.valueWidth + 4 * lane) = make_float4(sum.x / whole, sum.y / whole, sum.z / whole, sum.w / whole);
}
