// The only place with inline PTX: half precision, asynchronous copies, matrix fragments, programmatic launch.
// Needs sm_80; what only sm_90 has turns into nothing before it. Fragment layouts: PTX ISA, "Matrix multiply-accumulate
// operation using mma instruction". In the comments g = lane / 4 and t = lane % 4, and a register of two halves or four bytes
// holds the lower index in its lower bits.
#pragma once

typedef signed char int8;
typedef short int16;
typedef int int32;
typedef long long int64;
typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;

// ---- half precision; the bits of a half or a bfloat16 travel as uint16, two of them as uint32 ----

__device__ __forceinline__ float half_to_float(uint16 bits)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

// Rounds to nearest even; overflow becomes infinity.
__device__ __forceinline__ uint16 float_to_half(float value)
{
    uint16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ __forceinline__ float bf16_to_float(uint16 bits)
{
    return __uint_as_float((uint32)bits << 16);
}

// Rounds to nearest even.
__device__ __forceinline__ uint16 float_to_bf16(float value)
{
    uint16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ __forceinline__ uint32 pack_half2(float low, float high)
{
    uint32 pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

__device__ __forceinline__ uint32 pack_bf16x2(float low, float high)
{
    uint32 pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

__device__ __forceinline__ float2 unpack_half2(uint32 pair)
{
    return make_float2(half_to_float((uint16)pair), half_to_float((uint16)(pair >> 16)));
}

__device__ __forceinline__ float2 unpack_bf16x2(uint32 pair)
{
    return make_float2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xFFFF0000u));
}

__device__ __forceinline__ uint32 add_half2(uint32 a, uint32 b)
{
    uint32 sum;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
}

__device__ __forceinline__ uint32 mul_half2(uint32 a, uint32 b)
{
    uint32 product;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
    return product;
}

// a * b + c, rounded once.
__device__ __forceinline__ uint32 fma_half2(uint32 a, uint32 b, uint32 c)
{
    uint32 result;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

// a * b + c, rounded once.
__device__ __forceinline__ uint32 fma_bf16x2(uint32 a, uint32 b, uint32 c)
{
    uint32 result;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

// 2^x to about two units in the last place; results below the smallest normal number become zero.
__device__ __forceinline__ float exp2_approximate(float x)
{
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

// ---- memory ----

// The block's dynamic shared memory, aligned to 128 bytes.
__device__ __forceinline__ uint8* dynamic_shared()
{
    extern __shared__ __align__(128) uint8 dynamic_shared_memory[];
    return dynamic_shared_memory;
}

__device__ __forceinline__ uint32 shared_address(const void* shared)
{
    return (uint32)__cvta_generic_to_shared(shared);
}

// Loads of memory that nothing writes while the kernel runs and that is read only once: they leave the first-level cache alone.
__device__ __forceinline__ uint4 load_once16(const void* global)
{
    uint4 v;
    asm("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(global));
    return v;
}

__device__ __forceinline__ uint2 load_once8(const void* global)
{
    uint2 v;
    asm("ld.global.nc.L1::no_allocate.L2::128B.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(global));
    return v;
}

__device__ __forceinline__ uint32 load_once4(const void* global)
{
    uint32 v;
    asm("ld.global.nc.L1::no_allocate.L2::128B.u32 %0, [%1];" : "=r"(v) : "l"(global));
    return v;
}

// Begins to bring the 128 bytes around an address into the second-level cache.
__device__ __forceinline__ void prefetch(const void* global)
{
    asm volatile("prefetch.global.L2 [%0];" :: "l"(global));
}

// Asynchronous copies to shared memory; both addresses are multiples of the size. A copy belongs to the group that its thread
// commits next; cp_async_wait<N> returns when at most the N latest groups of the calling thread are still under way. Other
// threads see the bytes after that and a barrier.
__device__ __forceinline__ void cp_async16(void* shared, const void* global)
{
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" :: "r"(shared_address(shared)), "l"(global) : "memory");
}

// As cp_async16, but where valid is false nothing is read and the 16 bytes become zero.
__device__ __forceinline__ void cp_async16_or_zero(void* shared, const void* global, bool valid)
{
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
        :: "r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}

__device__ __forceinline__ void cp_async8(void* shared, const void* global)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" :: "r"(shared_address(shared)), "l"(global) : "memory");
}

__device__ __forceinline__ void cp_async4(void* shared, const void* global)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"(shared_address(shared)), "l"(global) : "memory");
}

__device__ __forceinline__ void cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int Groups>
__device__ __forceinline__ void cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;" :: "n"(Groups) : "memory");
}

// ---- matrix fragments; all 32 lanes of a warp call these together ----

// Four 8x8 matrices of 16-bit elements. Lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned to 16);
// r[i] receives elements (g, 2t) and (g, 2t + 1) of matrix i.
__device__ __forceinline__ void ldmatrix_x4(uint32 (&r)[4], const void* shared_row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(shared_row)) : "memory");
}

// As ldmatrix_x4, each matrix transposed: r[i] receives elements (2t, g) and (2t + 1, g).
__device__ __forceinline__ void ldmatrix_x4_trans(uint32 (&r)[4], const void* shared_row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(shared_row)) : "memory");
}

// Two matrices; the addresses of lanes 16..31 are not used.
__device__ __forceinline__ void ldmatrix_x2(uint32 (&r)[2], const void* shared_row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
        : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(shared_row)) : "memory");
}

__device__ __forceinline__ void ldmatrix_x2_trans(uint32 (&r)[2], const void* shared_row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
        : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(shared_row)) : "memory");
}

// d (16x8) += a (16x16, row by row) * b (16x8, column by column).
// d: (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1).
// a: a[0] = (g, 2t..2t+1), a[1] = (g+8, 2t..), a[2] = (g, 2t+8..), a[3] = (g+8, 2t+8..): what ldmatrix_x4 gives for the
// quarters upper left, lower left, upper right, lower right. b0 = (2t..2t+1, g), b1 = (2t+8.., g).
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void mma_m16n8k16_f16(float (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d (16x8) += a (16x32 bytes) * b (32x8 bytes); d as above.
// a: a[0] = (g, 4t..4t+3), a[1] = (g+8, 4t..), a[2] = (g, 4t+16..), a[3] = (g+8, 4t+16..). b0 = (4t..4t+3, g), b1 = (4t+16.., g).
__device__ __forceinline__ void mma_m16n8k32_s8(int (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// As mma_m16n8k32_s8 with unsigned bytes in a.
__device__ __forceinline__ void mma_m16n8k32_u8s8(int (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d (16x8) += a (16x16 bytes) * b (16x8 bytes): a[0] = (g, 4t..4t+3), a[1] = (g+8, 4t..), b = (4t..4t+3, g).
__device__ __forceinline__ void mma_m16n8k16_s8(int (&d)[4], const uint32 (&a)[2], uint32 b)
{
    asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(b));
}

// ---- programmatic dependent launch ----

// Waits until the kernels that this one depends on have finished and their writes are visible.
__device__ __forceinline__ void grid_dependency_wait()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets the next kernel of the stream start once all blocks have called this or ended.
__device__ __forceinline__ void grid_dependency_launch()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
