// Included before every kernel source: CUDA's language extensions and built-in functions for g++.
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

#define MOE_CUDA_EMULATED 1
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1

// The unknown attribute marks kernels for the emulated NVRTC, which finds them in the preprocessed text.
#define __global__ __attribute__((moe_kernel))
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
// A worker runs one block at a time, so a variable per worker is a variable per block.
#define __shared__ static thread_local

#define threadIdx (::moe_emu::current->index)
#define blockIdx (::moe_emu::current->block->index)
#define blockDim (::moe_emu::current->block->size)
#define gridDim (::moe_emu::current->block->grid)
constexpr int warpSize = 32;

#undef assert
#define assert(e) ((e) ? (void)0 : ::moe_emu::assertion_failed(#e, __FILE__, __LINE__))
[[noreturn]] inline void __trap() { ::moe_emu::assertion_failed("__trap()", "kernel", 0); }

// ---- vector types ----

#define MOE_VECTOR(T, name, alignment1, alignment2, alignment4) \
    struct name##1 { T x; }; \
    struct __attribute__((aligned(alignment2))) name##2 { T x, y; }; \
    struct name##3 { T x, y, z; }; \
    struct __attribute__((aligned(alignment4))) name##4 { T x, y, z, w; }; \
    constexpr name##2 make_##name##2(T x, T y) { return {x, y}; } \
    constexpr name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
    constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
MOE_VECTOR(signed char, char, 1, 2, 4)
MOE_VECTOR(unsigned char, uchar, 1, 2, 4)
MOE_VECTOR(short, short, 2, 4, 8)
MOE_VECTOR(unsigned short, ushort, 2, 4, 8)
MOE_VECTOR(int, int, 4, 8, 16)
MOE_VECTOR(unsigned, uint, 4, 8, 16)
MOE_VECTOR(float, float, 4, 8, 16)
MOE_VECTOR(long long, longlong, 8, 16, 16)
MOE_VECTOR(unsigned long long, ulonglong, 8, 16, 16)
MOE_VECTOR(double, double, 8, 16, 16)
#undef MOE_VECTOR

struct dim3
{
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// ---- bits ----

template <class To, class From>
__forceinline__ To moe_bits(From value)
{
    static_assert(sizeof(To) == sizeof(From));
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}

inline int __float_as_int(float x) { return moe_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return moe_bits<unsigned>(x); }
inline float __int_as_float(int x) { return moe_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return moe_bits<float>(x); }
inline long long __double_as_longlong(double x) { return moe_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return moe_bits<double>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline unsigned __brev(unsigned x)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++) r |= (x >> i & 1u) << (31 - i);
    return r;
}
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift)
{
    return (unsigned)(((unsigned long long)high << 32 | low) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift)
{
    return (unsigned)(((unsigned long long)high << 32 | low) >> (shift & 31));
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector)
{
    unsigned long long bytes = (unsigned long long)b << 32 | a;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) r |= (unsigned)(bytes >> 8 * (selector >> 4 * i & 7) & 0xFF) << 8 * i;
    return r;
}

// ---- four bytes or two shorts in a register ----

template <class A, class B, class C>
__forceinline__ C moe_dot4(unsigned a, unsigned b, C sum)
{
    for (int i = 0; i < 4; i++) sum += (C)(A)(a >> 8 * i) * (C)(B)(b >> 8 * i);
    return sum;
}

inline int __dp4a(int a, int b, int c) { return moe_dot4<signed char, signed char>((unsigned)a, (unsigned)b, c); }
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) { return moe_dot4<unsigned char, unsigned char>(a, b, c); }
inline int __dp4a(unsigned a, int b, int c) { return moe_dot4<unsigned char, signed char>(a, (unsigned)b, c); }
inline int __dp4a(int a, unsigned b, int c) { return moe_dot4<signed char, unsigned char>((unsigned)a, b, c); }
inline int __dp4a(char4 a, char4 b, int c) { return __dp4a(moe_bits<int>(a), moe_bits<int>(b), c); }

template <class Lane, class Op>
__forceinline__ unsigned moe_lanes(unsigned a, unsigned b, Op op)
{
    constexpr int bits = 8 * sizeof(Lane);
    constexpr unsigned mask = (1u << bits) - 1;
    unsigned r = 0;
    for (int i = 0; i < 32; i += bits) r |= ((unsigned)op((int)(Lane)(a >> i), (int)(Lane)(b >> i)) & mask) << i;
    return r;
}

inline int moe_clamp(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

#define MOE_LANES(name, Lane, expression) \
    inline unsigned name(unsigned a, unsigned b) { return moe_lanes<Lane>(a, b, [](int x, int y) { return expression; }); }
#define MOE_LANES_BOTH(op, signed_expression, unsigned_expression) \
    MOE_LANES(__v##op##s4, signed char, signed_expression) \
    MOE_LANES(__v##op##u4, unsigned char, unsigned_expression) \
    MOE_LANES(__v##op##s2, short, signed_expression) \
    MOE_LANES(__v##op##u2, unsigned short, unsigned_expression)
MOE_LANES(__vadd4, unsigned char, x + y)
MOE_LANES(__vsub4, unsigned char, x - y)
MOE_LANES(__vadd2, unsigned short, x + y)
MOE_LANES(__vsub2, unsigned short, x - y)
MOE_LANES(__vaddss4, signed char, moe_clamp(x + y, -128, 127))
MOE_LANES(__vsubss4, signed char, moe_clamp(x - y, -128, 127))
MOE_LANES(__vaddus4, unsigned char, moe_clamp(x + y, 0, 255))
MOE_LANES(__vsubus4, unsigned char, moe_clamp(x - y, 0, 255))
MOE_LANES(__vabsdiffu4, unsigned char, x > y ? x - y : y - x)
MOE_LANES(__vabsdiffs4, signed char, x > y ? x - y : y - x)
MOE_LANES(__vavgu4, unsigned char, (x + y + 1) >> 1)
MOE_LANES(__vcmpeq4, unsigned char, x == y ? -1 : 0)
MOE_LANES(__vcmpne4, unsigned char, x != y ? -1 : 0)
MOE_LANES(__vcmpeq2, unsigned short, x == y ? -1 : 0)
MOE_LANES(__vcmpne2, unsigned short, x != y ? -1 : 0)
MOE_LANES(__vseteq4, unsigned char, x == y)
MOE_LANES(__vsetne4, unsigned char, x != y)
MOE_LANES_BOTH(max, x > y ? x : y, x > y ? x : y)
MOE_LANES_BOTH(min, x < y ? x : y, x < y ? x : y)
MOE_LANES_BOTH(cmpgt, x > y ? -1 : 0, x > y ? -1 : 0)
MOE_LANES_BOTH(cmpge, x >= y ? -1 : 0, x >= y ? -1 : 0)
MOE_LANES_BOTH(cmplt, x < y ? -1 : 0, x < y ? -1 : 0)
MOE_LANES_BOTH(cmple, x <= y ? -1 : 0, x <= y ? -1 : 0)
#undef MOE_LANES_BOTH
#undef MOE_LANES
inline unsigned __vneg4(unsigned a) { return __vsub4(0, a); }
inline unsigned __vabs4(unsigned a) { return moe_lanes<signed char>(a, 0, [](int x, int) { return x < 0 ? -x : x; }); }

// ---- arithmetic ----

#define MOE_MIN_MAX(R, A, B) \
    constexpr R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; } \
    constexpr R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }
MOE_MIN_MAX(int, int, int)
MOE_MIN_MAX(unsigned, unsigned, unsigned)
MOE_MIN_MAX(unsigned, int, unsigned)
MOE_MIN_MAX(unsigned, unsigned, int)
MOE_MIN_MAX(long, long, long)
MOE_MIN_MAX(unsigned long, unsigned long, unsigned long)
MOE_MIN_MAX(long long, long long, long long)
MOE_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
#undef MOE_MIN_MAX
// As on the device, a NaN loses against a number.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __frsqrt_rn(float x) { return (float)(1.0 / sqrt((double)x)); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fdividef(float a, float b) { return a / b; }
inline float fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
__forceinline__ float __fmul_rn(float a, float b) { float r = a * b; asm("" : "+x"(r)); return r; } // never fused
__forceinline__ float __fadd_rn(float a, float b) { asm("" : "+x"(a), "+x"(b)); return a + b; }
__forceinline__ float __fsub_rn(float a, float b) { asm("" : "+x"(a), "+x"(b)); return a - b; }
inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return powf(10.0f, x); }
inline float exp10f(float x) { return powf(10.0f, x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline void __sincosf(float x, float* s, float* c) { sincosf(x, s, c); }
inline void sincospif(float x, float* s, float* c) { sincosf(x * 3.14159265358979f, s, c); }
inline float __saturatef(float x) { return x > 0 ? x < 1 ? x : 1.0f : 0.0f; }

// Conversions to integers clamp, and a NaN becomes 0.
template <class T>
__forceinline__ T moe_to_integer(double x)
{
    constexpr T highest = (T)-1 > 0 ? (T)-1 : (T)((1ull << (8 * sizeof(T) - 1)) - 1);
    constexpr T lowest = (T)-1 > 0 ? (T)0 : (T)(-highest - 1);
    return x != x ? (T)0 : x >= (double)highest ? highest : x <= (double)lowest ? lowest : (T)x;
}
inline int __float2int_rn(float x) { return moe_to_integer<int>(rint((double)x)); }
inline int __float2int_rz(float x) { return moe_to_integer<int>(trunc((double)x)); }
inline int __float2int_rd(float x) { return moe_to_integer<int>(floor((double)x)); }
inline int __float2int_ru(float x) { return moe_to_integer<int>(ceil((double)x)); }
inline unsigned __float2uint_rn(float x) { return moe_to_integer<unsigned>(rint((double)x)); }
inline unsigned __float2uint_rz(float x) { return moe_to_integer<unsigned>(trunc((double)x)); }
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }

// ---- memory ----

template <class T> __forceinline__ T __ldg(const T* p) { return *p; }
template <class T> __forceinline__ T __ldcs(const T* p) { return *p; }
template <class T> __forceinline__ T __ldcg(const T* p) { return *p; }
template <class T> __forceinline__ T __ldca(const T* p) { return *p; }
template <class T> __forceinline__ T __ldlu(const T* p) { return *p; }
template <class T> __forceinline__ T __ldcv(const T* p) { return *(const volatile T*)p; }
template <class T> __forceinline__ void __stcs(T* p, T value) { *p = value; }
template <class T> __forceinline__ void __stcg(T* p, T value) { *p = value; }
template <class T> __forceinline__ void __stwb(T* p, T value) { *p = value; }
template <class T> __forceinline__ void __stwt(T* p, T value) { *p = value; }
inline size_t __cvta_generic_to_shared(const void* p) { return (size_t)p; }

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Floating-point addition and everything else without an instruction of its own.
template <class T, class Op>
__forceinline__ T moe_atomic(T* p, Op op)
{
    T old, next;
    __atomic_load(p, &old, __ATOMIC_RELAXED);
    do next = op(old);
    while (!__atomic_compare_exchange(p, &old, &next, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return old;
}

#define MOE_ATOMICS(T) \
    inline T atomicAdd(T* p, T v) { return moe_atomic(p, [=](T o) { return (T)(o + v); }); } \
    inline T atomicExch(T* p, T v) { return moe_atomic(p, [=](T) { return v; }); }
#define MOE_INTEGER_ATOMICS(T) \
    MOE_ATOMICS(T) \
    inline T atomicSub(T* p, T v) { return moe_atomic(p, [=](T o) { return (T)(o - v); }); } \
    inline T atomicMin(T* p, T v) { return moe_atomic(p, [=](T o) { return o < v ? o : v; }); } \
    inline T atomicMax(T* p, T v) { return moe_atomic(p, [=](T o) { return o > v ? o : v; }); } \
    inline T atomicAnd(T* p, T v) { return moe_atomic(p, [=](T o) { return o & v; }); } \
    inline T atomicOr(T* p, T v) { return moe_atomic(p, [=](T o) { return o | v; }); } \
    inline T atomicXor(T* p, T v) { return moe_atomic(p, [=](T o) { return o ^ v; }); } \
    inline T atomicCAS(T* p, T expected, T v) { return moe_atomic(p, [=](T o) { return o == expected ? v : o; }); }
MOE_INTEGER_ATOMICS(int)
MOE_INTEGER_ATOMICS(unsigned)
MOE_INTEGER_ATOMICS(unsigned long long)
MOE_ATOMICS(float)
MOE_ATOMICS(double)
#undef MOE_INTEGER_ATOMICS
#undef MOE_ATOMICS
inline unsigned atomicInc(unsigned* p, unsigned v) { return moe_atomic(p, [=](unsigned o) { return o >= v ? 0 : o + 1; }); }

#include "emulated_warps.h"

inline long long clock64() { return (long long)__builtin_ia32_rdtsc(); }
inline int moe_clock() { return (int)clock64(); }
#define clock moe_clock

// ---- the list of kernels that the emulated NVRTC appends ----

template <size_t...>
struct MoeIndices
{
};

template <class... A>
struct MoeKernel
{
    static constexpr unsigned sizes[sizeof...(A) + 1] = {sizeof(A)...};

    template <size_t... I>
    static void pass(void (*kernel)(A...), void** parameters, MoeIndices<I...>)
    {
        kernel(*(A*)parameters[I]...);
    }

    static void call(void* kernel, void** parameters)
    {
        pass((void (*)(A...))kernel, parameters, MoeIndices<__integer_pack(sizeof...(A))...>());
    }
};

template <class... A>
::moe_emu::Kernel moe_kernel(const char* name, void (*kernel)(A...))
{
    return {name, (void*)kernel, MoeKernel<A...>::call, MoeKernel<A...>::sizes, sizeof...(A)};
}
