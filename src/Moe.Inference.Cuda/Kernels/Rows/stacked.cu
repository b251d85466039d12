// Weighted rows that come stacked, `count` rows a token. A thread per element of the result.
#include "geometry.cuh"

// out[i] = weight[0] * x[0][i] + weight[1] * x[1][i] + ..., product and sum rounded separately as in the composed form.
extern "C" __global__ void multi_add(const StackedGeometry g)
{
    long long element = (long long)blockIdx.x * g.perBlock + threadIdx.x;
    if (element >= g.elements)
        return;
    long long token = element / g.width;
    const float* weights = g.weights + token * g.count;
    const float* x = g.source + token * g.count * g.width + element % g.width;
    float sum = __fmul_rn(weights[0], x[0]);
    #pragma unroll 4
    for (int slot = 1; slot < g.count; slot++)
        sum = __fadd_rn(sum, __fmul_rn(weights[slot], x[(long long)slot * g.width]));
    g.result[element] = sum;
}

// out[i] = weight[slot] * x[slot][i]
extern "C" __global__ void scaled_slot(const StackedGeometry g)
{
    long long element = (long long)blockIdx.x * g.perBlock + threadIdx.x;
    if (element >= g.elements)
        return;
    long long row = element / g.width * g.count + g.slot;
    g.result[element] = g.weights[row] * g.source[row * g.width + element % g.width];
}
