// Weighted rows that come stacked, `count` rows a token. A thread per element of the result.
#include "geometry.cuh"
#include "ptx.cuh"

// out[i] = weight[0] * x[0][i] + weight[1] * x[1][i] + ..., product and sum rounded separately as in the composed form.
extern "C" __global__ void multi_add(const StackedGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    int column = blockIdx.y * g.perBlock + threadIdx.x;
    if (column >= g.width)
        return;
    long long token = blockIdx.x;
    const float* weights = g.weights + token * g.count;
    const float* x = g.source + token * g.count * g.width + column;
    float sum = __fmul_rn(weights[0], x[0]);
    #pragma unroll 4
    for (int slot = 1; slot < g.count; slot++)
        sum = __fadd_rn(sum, __fmul_rn(weights[slot], x[(long long)slot * g.width]));
    g.result[token * g.width + column] = sum;
}

// out[i] = weight[slot] * x[slot][i]
extern "C" __global__ void scaled_slot(const StackedGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    int column = blockIdx.y * g.perBlock + threadIdx.x;
    if (column >= g.width)
        return;
    long long token = blockIdx.x, row = token * g.count + g.slot;
    g.result[token * g.width + column] = g.weights[row] * g.source[row * g.width + column];
}
