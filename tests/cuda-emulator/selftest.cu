// Kernels of selftest.cpp.
#include "ptx.cuh"
#include "scale.cuh"

extern "C" __global__ void __launch_bounds__(256) add(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ sum, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) sum[i] = a[i] + b[i];
}

extern "C" __global__ void nothing() {}

// One sum per block.
template <int Threads>
__global__ void reduce(const float* values, float* sums, int n)
{
    __shared__ float partial[Threads / 32];
    float sum = 0;
    for (int i = blockIdx.x * Threads + threadIdx.x; i < n; i += gridDim.x * Threads) sum += values[i];
#pragma unroll
    for (int mask = 16; mask > 0; mask >>= 1) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, mask);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32)
    {
        sum = threadIdx.x < Threads / 32 ? partial[threadIdx.x] : 0.0f;
        for (int step = 16; step > 0; step >>= 1) sum += __shfl_down_sync(0xFFFFFFFFu, sum, step);
        if (threadIdx.x == 0) sums[blockIdx.x] = sum;
    }
}

// c (16x8) = a (16x16) * b; b comes as 8x16 (columns of k) or, transposed, as 16x8. One warp.
template <bool Half, bool Transposed>
__global__ void product16(const uint16* a, const uint16* b, float* c)
{
    uint16* shared = (uint16*)dynamic_shared();
    uint16* shared_b = shared + 16 * 16;
    int lane = threadIdx.x, g = lane / 4, t = lane % 4;
    cp_async16(shared + lane * 8, a + lane * 8);
    cp_async_commit();
    if (lane < 16) cp_async16(shared_b + lane * 8, b + lane * 8);
    cp_async_commit();
    cp_async_wait<0>();
    __syncwarp();
    uint32 fa[4], fb[2];
    ldmatrix_x4(fa, shared + (lane % 16) * 16 + lane / 16 * 8);
    if (Transposed) ldmatrix_x2_trans(fb, shared_b + (lane % 16) * 8);
    else ldmatrix_x2(fb, shared_b + (lane % 8) * 16 + lane / 8 % 2 * 8);
    float d[4] = {};
    if (Half) mma_m16n8k16_f16(d, fa, fb[0], fb[1]);
    else mma_m16n8k16_bf16(d, fa, fb[0], fb[1]);
    for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

// c (16x8) += a (16xK bytes) * b (8xK bytes). One warp; kind 0: s8, 1: u8 by s8, 2: s8 with K 16.
extern "C" __global__ void product_bytes(const uint32* a, const uint32* b, int* c, int kind)
{
    int lane = threadIdx.x, g = lane / 4, t = lane % 4, words = kind == 2 ? 4 : 8;
    int d[4];
    for (int i = 0; i < 4; i++) d[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    if (kind == 2)
    {
        uint32 fa[2] = {a[g * words + t], a[(g + 8) * words + t]};
        mma_m16n8k16_s8(d, fa, b[g * words + t]);
    }
    else
    {
        uint32 fa[4] = {a[g * words + t], a[(g + 8) * words + t], a[g * words + t + 4], a[(g + 8) * words + t + 4]};
        if (kind == 0) mma_m16n8k32_s8(d, fa, b[g * words + t], b[g * words + t + 4]);
        else mma_m16n8k32_u8s8(d, fa, b[g * words + t], b[g * words + t + 4]);
    }
    for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

struct Scale
{
    float* values;
    float factor;
    int n;
};

extern "C" __global__ void scale(const __grid_constant__ Scale p)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < p.n) p.values[i] = scaled(p.values[i], p.factor);
}

// Warp operations, one result each.
extern "C" __global__ void warp_operations(uint32* results)
{
    int lane = threadIdx.x;
    uint32 ballot = __ballot_sync(0xFFFFFFFFu, lane % 3 == 0);
    uint32 match = __match_any_sync(0xFFFFFFFFu, lane / 8);
    int sum = __reduce_add_sync(0xFFFFFFFFu, lane), up = __shfl_up_sync(0xFFFFFFFFu, lane, 1, 16);
    uint32 half = lane < 16 ? __reduce_max_sync(0x0000FFFFu, (uint32)lane) : __reduce_max_sync(0xFFFF0000u, 100u + lane);
    results[lane] = ballot;
    results[32 + lane] = match;
    results[64 + lane] = sum;
    results[96 + lane] = up;
    results[128 + lane] = half;
    results[160 + lane] = __dp4a((int)0x80FF7F01, (int)0x01020304, lane);
    results[192 + lane] = __syncthreads_count(lane & 1);
}

extern "C" __global__ void atomics(int* count, float* sum)
{
    atomicAdd(count, 1);
    atomicAdd(sum, 1.0f);
}

// Every function of numbers, one result after the other for all inputs: i, and two random words.
extern "C" __global__ void numbers(const uint32* inputs, uint32* results, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    uint32 x = inputs[n + i], y = inputs[2 * n + i], z = x * 2654435761u;
    uint32* r = results + i;
    r[0] = __float_as_uint(half_to_float((uint16)i));
    r[1 * n] = __float_as_uint(bf16_to_float((uint16)i));
    r[2 * n] = float_to_half(__uint_as_float(x));
    r[3 * n] = float_to_bf16(__uint_as_float(x));
    r[4 * n] = pack_half2(__uint_as_float(x), __uint_as_float(y));
    r[5 * n] = pack_bf16x2(__uint_as_float(x), __uint_as_float(y));
    r[6 * n] = add_half2(x, y);
    r[7 * n] = mul_half2(x, y);
    r[8 * n] = fma_half2(x, y, z);
    r[9 * n] = fma_bf16x2(x, y, z);
    r[10 * n] = __float_as_uint(exp2_approximate(((float)(x % 4096) - 2048) / 256));
    r[11 * n] = __byte_perm(x, y, 0x0147);
}

#ifdef MOE_CUDA_EMULATED
// What kernels do wrong.
extern "C" __global__ void faulty(int kind, uint8* memory, int size)
{
    uint8* shared = dynamic_shared();
    switch (kind)
    {
        case 0: memory[size + 16] = 1; break;
        case 1: if (threadIdx.x % 2) __syncthreads(); else __syncwarp(); break;
        case 2: if (threadIdx.x == 3) return; __syncwarp(); break;
        case 3: memory[0] = shared[65536]; break;
        case 4: *(uint4*)(memory + 4) = make_uint4(0, 0, 0, 0); break;
        case 5: assert(threadIdx.x < 5); break;
        case 6: if (threadIdx.x < 16) __syncwarp(); else __ballot_sync(0xFFFFFFFFu, 1); break;
    }
}

// True of every block: shared memory is poison, and a copy is not there before it is waited for.
extern "C" __global__ void poison(int* failures)
{
    __shared__ int fixed[64];
    int* shared = (int*)dynamic_shared();
    if (shared[threadIdx.x] != -1 || fixed[threadIdx.x] != -1) atomicAdd(failures, 1);
    shared[threadIdx.x] = fixed[threadIdx.x] = 0;
    cp_async4(shared + threadIdx.x, failures + 1 + threadIdx.x);
    cp_async_commit();
    if (shared[threadIdx.x] != -1) atomicAdd(failures, 1);
    cp_async_wait<0>();
    if (shared[threadIdx.x] != (int)threadIdx.x) atomicAdd(failures, 1);
}
#endif

extern "C" __global__ void barriers(int count)
{
    for (int i = 0; i < count; i++) __syncthreads();
}

extern "C" __global__ void matrices(float* result, int count)
{
    float d[4] = {};
    uint32 a[4] = {};
    for (int i = 0; i < count; i++) mma_m16n8k16_bf16(d, a, i, i);
    result[threadIdx.x] = d[0];
}
