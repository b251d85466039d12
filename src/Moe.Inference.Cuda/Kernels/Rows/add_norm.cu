// A sum and its root-mean-square normalization, a block per row. Scalar equivalent, for every row:
//     sum[i] = a[i] + b[i];  out[i] = sum[i] * (1 / sqrt(sum of sum[j] * sum[j] / width + epsilon)) * weight[i]
#include "geometry.cuh"
#include "ptx.cuh"
#include "reductions.cuh"

// What one thread holds at the most, so that rows are read from memory once.
static constexpr int MostHeld = 8;

// Thread t has elements t, t + threads, ...; the first MostHeld of them stay in registers.
extern "C" __global__ void add_norm(const AddNormGeometry g)
{
    grid_dependency_launch();
    __shared__ float scratch[32];
    const long long row = (long long)blockIdx.x * g.width;
    const int stride = blockDim.x;
    float held[MostHeld], weight[MostHeld], squares = 0;
    // Weights do not depend on the kernel before.
    #pragma unroll
    for (int n = 0; n < MostHeld; n++)
    {
        int i = threadIdx.x + n * stride;
        weight[n] = i < g.width ? g.weight[i] : 0.0f;
    }

    grid_dependency_wait();
    #pragma unroll
    for (int n = 0; n < MostHeld; n++)
    {
        int i = threadIdx.x + n * stride;
        held[n] = i < g.width ? g.left[row + i] + g.right[row + i] : 0.0f;
        squares += held[n] * held[n];
    }

    for (int i = threadIdx.x + MostHeld * stride; i < g.width; i += stride)
    {
        float sum = g.left[row + i] + g.right[row + i];
        g.sum[row + i] = sum;
        squares += sum * sum;
    }

    float scale = 1.0f / sqrtf(block_sum(squares, scratch) / g.width + g.epsilon);
    #pragma unroll
    for (int n = 0; n < MostHeld; n++)
    {
        int i = threadIdx.x + n * stride;
        if (i < g.width)
        {
            g.sum[row + i] = held[n];
            g.normal[row + i] = held[n] * scale * weight[n];
        }
    }

    for (int i = threadIdx.x + MostHeld * stride; i < g.width; i += stride)
        g.normal[row + i] = g.sum[row + i] * scale * g.weight[i];
}
