// Functions of one or two values of one shape, element by element; every element is a thread's own.
#include "geometry.cuh"
#include "ptx.cuh"
#include "activations.cuh"

template <class F>
__device__ __forceinline__ void for_each(const ElementwiseGeometry& g, F f)
{
    for (long long i = (long long)blockIdx.x * g.perBlock + threadIdx.x, end = min(g.count, (long long)(blockIdx.x + 1) * g.perBlock); i < end; i += blockDim.x)
        g.result[i] = f(i);
}

// out[i] = a[i] + b[i]
extern "C" __global__ void add(const ElementwiseGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    for_each(g, [&](long long i) { return g.left[i] + g.right[i]; });
}

// out[i] = a[i] * b[i]
extern "C" __global__ void multiply(const ElementwiseGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    for_each(g, [&](long long i) { return g.left[i] * g.right[i]; });
}

// out[i] = silu(a[i])
extern "C" __global__ void silu(const ElementwiseGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    for_each(g, [&](long long i) { return silu_of(g.left[i]); });
}

// out[i] = silu(a[i]) * b[i]
extern "C" __global__ void gated_silu(const ElementwiseGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    for_each(g, [&](long long i) { return silu_of(g.left[i]) * g.right[i]; });
}
