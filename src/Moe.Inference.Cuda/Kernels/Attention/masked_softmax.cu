// Softmax over the first `length` elements of each row, a block per row; what lies behind them is neither read nor written.
// Scalar equivalent: out[i] = exp(x[i] - max(x)) / sum(exp(x[j] - max(x)))
#include "geometry.cuh"
#include "ptx.cuh"
#include "reductions.cuh"

extern "C" __global__ void masked_softmax(const MaskedSoftmaxGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    __shared__ float scratch[64];
    long long row = blockIdx.x;
    int length = g.lengths[row / g.heads];
    const float* x = g.scores + row * g.width;
    float* y = g.result + row * g.width;
    float most = negative_infinity();
    for (int i = threadIdx.x; i < length; i += blockDim.x)
        most = fmaxf(most, x[i]);
    most = block_max(most, scratch);
    float total = 0;
    for (int i = threadIdx.x; i < length; i += blockDim.x)
        total += y[i] = expf(x[i] - most);
    total = block_sum(total, scratch + 32);
    for (int i = threadIdx.x; i < length; i += blockDim.x)
        y[i] /= total;
}
