// Joins the parts of contexts that were cut, in the order of the parts: a block per token and head, a thread per element.
#include "geometry.cuh"
#include "flash_parts.cuh"
#include "reductions.cuh"

extern "C" __global__ void flash_join(const FlashGeometry g)
{
    __shared__ float factors[MOST_PARTS];
    __shared__ float scratch[32];
    long long row = blockIdx.x;
    int length = g.lengths[row / g.heads];
    int count = part_count(length);
    // Whole contexts are finished already.
    if (count == 1)
        return;
    const float* figures = g.partFigures + 2 * row * g.parts;
    float most = negative_infinity();
    for (int part = threadIdx.x; part < count; part += blockDim.x)
        most = fmaxf(most, figures[2 * part]);
    most = block_max(most, scratch);
    for (int part = threadIdx.x; part < count; part += blockDim.x)
        factors[part] = exp2_approximate(figures[2 * part] - most);
    __syncthreads();
    float total = 0;
    for (int part = 0; part < count; part++)
        total += factors[part] * figures[2 * part + 1];
    const float* sums = g.partSums + row * g.parts * g.valueWidth;
    for (int i = threadIdx.x; i < g.valueWidth; i += blockDim.x)
    {
        float sum = 0;
        #pragma unroll 8
        for (int part = 0; part < count; part++)
            sum += factors[part] * sums[(long long)part * g.valueWidth + i];
        g.result[row * g.valueWidth + i] = sum / total;
    }
}
