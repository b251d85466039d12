// Sums and products of values of one shape. Scalar equivalent: out[i] = a[i] + b[i], or a[i] * b[i].
#include "geometry.cuh"

extern "C" __global__ void add(const ElementwiseGeometry g)
{
    for (long long i = (long long)blockIdx.x * g.perBlock + threadIdx.x, end = min(g.count, (long long)(blockIdx.x + 1) * g.perBlock); i < end; i += blockDim.x)
        g.result[i] = g.left[i] + g.right[i];
}

extern "C" __global__ void multiply(const ElementwiseGeometry g)
{
    for (long long i = (long long)blockIdx.x * g.perBlock + threadIdx.x, end = min(g.count, (long long)(blockIdx.x + 1) * g.perBlock); i < end; i += blockDim.x)
        g.result[i] = g.left[i] * g.right[i];
}
