// The emulated twin of ptx.cuh: the same functions, in plain C++.
#pragma once

typedef signed char int8;
typedef short int16;
typedef int int32;
typedef long long int64;
typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;

// ---- half precision ----

typedef short MoeShort8 __attribute__((vector_size(16)));
typedef float MoeFloat4 __attribute__((vector_size(16)));

inline float half_to_float(uint16 bits)
{
    return __builtin_ia32_vcvtph2ps(MoeShort8{(short)bits})[0];
}

inline uint16 float_to_half(float value)
{
    if (value != value) return 0x7FFF;
    return (uint16)__builtin_ia32_vcvtps2ph(MoeFloat4{value}, 0)[0];
}

inline float bf16_to_float(uint16 bits)
{
    return __uint_as_float((uint32)bits << 16);
}

inline uint16 float_to_bf16(float value)
{
    if (value != value) return 0x7FFF;
    uint32 bits = __float_as_uint(value);
    return (uint16)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline uint32 pack_half2(float low, float high) { return float_to_half(low) | (uint32)float_to_half(high) << 16; }
inline uint32 pack_bf16x2(float low, float high) { return float_to_bf16(low) | (uint32)float_to_bf16(high) << 16; }
inline float2 unpack_half2(uint32 pair) { return {half_to_float((uint16)pair), half_to_float((uint16)(pair >> 16))}; }
inline float2 unpack_bf16x2(uint32 pair) { return {bf16_to_float((uint16)pair), bf16_to_float((uint16)(pair >> 16))}; }

// Rounding to odd: what is not exact is cut off and gets an odd last bit, so that rounding once more, to fewer bits, is right.
inline float moe_to_odd(double x)
{
    float f = (float)x;
    if ((double)f == x || x != x || isinf(f)) return f;
    uint32 bits = __float_as_uint(f);
    if (fabs((double)f) > fabs(x)) bits--;
    return __uint_as_float(bits | 1);
}

inline float moe_sum_to_odd(double a, double b)
{
    double sum = a + b, of_b = sum - a, rest = (a - (sum - of_b)) + (b - of_b);
    if (rest == 0 || rest != rest) return moe_to_odd(sum);
    long long bits = __double_as_longlong(sum);
    if ((rest > 0) != (sum > 0)) bits--;
    return moe_to_odd(__longlong_as_double(bits | 1));
}

inline uint32 add_half2(uint32 a, uint32 b)
{
    float2 x = unpack_half2(a), y = unpack_half2(b);
    return pack_half2(moe_sum_to_odd(x.x, y.x), moe_sum_to_odd(x.y, y.y));
}

// Products of halves or of bfloat16s are exact in float or double.
inline uint32 mul_half2(uint32 a, uint32 b)
{
    float2 x = unpack_half2(a), y = unpack_half2(b);
    return pack_half2(x.x * y.x, x.y * y.y);
}

inline uint32 fma_half2(uint32 a, uint32 b, uint32 c)
{
    float2 x = unpack_half2(a), y = unpack_half2(b), z = unpack_half2(c);
    return pack_half2(moe_sum_to_odd((double)x.x * y.x, z.x), moe_sum_to_odd((double)x.y * y.y, z.y));
}

inline uint32 fma_bf16x2(uint32 a, uint32 b, uint32 c)
{
    float2 x = unpack_bf16x2(a), y = unpack_bf16x2(b), z = unpack_bf16x2(c);
    return pack_bf16x2(moe_sum_to_odd((double)x.x * y.x, z.x), moe_sum_to_odd((double)x.y * y.y, z.y));
}

inline float exp2_approximate(float x)
{
    float result = exp2f(x);
    return result < 1.17549435e-38f ? 0.0f : result;
}

// ---- memory ----

// shared_address has no twin: addresses have 64 bits here.
inline uint8* dynamic_shared() { return (uint8*)::moe_emu::current->block->dynamic_shared; }

inline uint4 load_once16(const void* global) { return *(const uint4*)global; }
inline uint2 load_once8(const void* global) { return *(const uint2*)global; }
inline uint32 load_once4(const void* global) { return *(const uint32*)global; }
inline void prefetch(const void*) { }

inline void cp_async16(void* shared, const void* global) { ::moe_emu::copy_async(shared, global, 16, 16); }
inline void cp_async16_or_zero(void* shared, const void* global, bool valid)
{
    ::moe_emu::copy_async(shared, global, 16, valid ? 16 : 0);
}
inline void cp_async8(void* shared, const void* global) { ::moe_emu::copy_async(shared, global, 8, 8); }
inline void cp_async4(void* shared, const void* global) { ::moe_emu::copy_async(shared, global, 4, 4); }
inline void cp_async_commit() { ::moe_emu::copy_async_commit(); }

template <int Groups>
inline void cp_async_wait()
{
    ::moe_emu::copy_async_wait(Groups);
}

// ---- matrix fragments; the last lane to come does the work of all 32 ----

struct MoeLoadMatrix
{
    uint32* registers;
    const void* row;
};

template <int Count, bool Transposed>
inline void moe_ldmatrix(uint32* registers, const void* shared_row)
{
    MoeLoadMatrix mine{registers, shared_row};
    ::moe_emu::warp_collective(0xFFFFFFFFu, [](void* const* lanes, unsigned)
    {
        for (int matrix = 0; matrix < Count; matrix++)
        {
            uint16 m[8][8];
            for (int i = 0; i < 8; i++)
            {
                uint4 row = *(const uint4*)((MoeLoadMatrix*)lanes[matrix * 8 + i])->row;
                memcpy(m[i], &row, 16);
            }
            for (int lane = 0; lane < 32; lane++)
            {
                int g = lane / 4, t = lane % 4;
                uint32 low = Transposed ? m[2 * t][g] : m[g][2 * t], high = Transposed ? m[2 * t + 1][g] : m[g][2 * t + 1];
                ((MoeLoadMatrix*)lanes[lane])->registers[matrix] = low | high << 16;
            }
        }
    }, &mine);
}

inline void ldmatrix_x4(uint32 (&r)[4], const void* shared_row) { moe_ldmatrix<4, false>(r, shared_row); }
inline void ldmatrix_x4_trans(uint32 (&r)[4], const void* shared_row) { moe_ldmatrix<4, true>(r, shared_row); }
inline void ldmatrix_x2(uint32 (&r)[2], const void* shared_row) { moe_ldmatrix<2, false>(r, shared_row); }
inline void ldmatrix_x2_trans(uint32 (&r)[2], const void* shared_row) { moe_ldmatrix<2, true>(r, shared_row); }

template <class D>
struct MoeMma
{
    D* d;
    const uint32* a;
    uint32 b[2];
};

// The part of a register: how many elements it holds, and each of them.
struct MoeBf16 { static constexpr int Count = 2; static float at(uint32 r, int i) { return bf16_to_float((uint16)(r >> 16 * i)); } };
struct MoeF16 { static constexpr int Count = 2; static float at(uint32 r, int i) { return half_to_float((uint16)(r >> 16 * i)); } };
struct MoeS8 { static constexpr int Count = 4; static int at(uint32 r, int i) { return (int8)(r >> 8 * i); } };
struct MoeU8 { static constexpr int Count = 4; static int at(uint32 r, int i) { return (uint8)(r >> 8 * i); } };

// All mma shapes of m16n8 are alike: registers of B cover 4 * Count values of k each; those of A come in pairs (rows g, g + 8).
template <class D, class A, class B, int RegistersB>
inline void moe_mma(D* d, const uint32* a, uint32 b0, uint32 b1)
{
    MoeMma<D> mine{d, a, {b0, b1}};
    ::moe_emu::warp_collective(0xFFFFFFFFu, [](void* const* lanes, unsigned)
    {
        constexpr int Count = A::Count, K = 4 * Count * RegistersB;
        D a[16][K], b[K][8];
        for (int lane = 0; lane < 32; lane++)
        {
            auto* of = (MoeMma<D>*)lanes[lane];
            int g = lane / 4, t = lane % 4;
            for (int r = 0; r < RegistersB; r++)
                for (int i = 0; i < Count; i++)
                {
                    int k = r * 4 * Count + t * Count + i;
                    a[g][k] = A::at(of->a[2 * r], i);
                    a[g + 8][k] = A::at(of->a[2 * r + 1], i);
                    b[k][g] = B::at(of->b[r], i);
                }
        }
        for (int m = 0; m < 16; m++)
        {
            D sum[8] = {};
            for (int k = 0; k < K; k++)
                for (int n = 0; n < 8; n++) sum[n] += a[m][k] * b[k][n];
            for (int n = 0; n < 8; n++) ((MoeMma<D>*)lanes[m % 8 * 4 + n / 2])->d[m / 8 * 2 + n % 2] += sum[n];
        }
    }, &mine);
}

inline void mma_m16n8k16_bf16(float (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    moe_mma<float, MoeBf16, MoeBf16, 2>(d, a, b0, b1);
}

inline void mma_m16n8k16_f16(float (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    moe_mma<float, MoeF16, MoeF16, 2>(d, a, b0, b1);
}

inline void mma_m16n8k32_s8(int (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    moe_mma<int, MoeS8, MoeS8, 2>(d, a, b0, b1);
}

inline void mma_m16n8k32_u8s8(int (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1)
{
    moe_mma<int, MoeU8, MoeS8, 2>(d, a, b0, b1);
}

inline void mma_m16n8k16_s8(int (&d)[4], const uint32 (&a)[2], uint32 b)
{
    moe_mma<int, MoeS8, MoeS8, 1>(d, a, b, 0);
}

// ---- programmatic dependent launch: kernels run one after the other ----

inline void grid_dependency_wait() {}
inline void grid_dependency_launch() {}
