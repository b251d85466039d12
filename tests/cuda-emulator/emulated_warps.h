// Built-in functions in which threads work together. Included by emulated_device.h.
#pragma once

inline void __syncthreads() { ::moe_emu::block_barrier(false); }
inline int __syncthreads_count(int predicate) { return (int)::moe_emu::block_barrier(predicate != 0); }
inline int __syncthreads_or(int predicate) { return ::moe_emu::block_barrier(predicate != 0) != 0; }
inline int __syncthreads_and(int predicate) { return ::moe_emu::block_barrier(predicate == 0) == 0; }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { ::moe_emu::warp_collective(mask, [](void* const*, unsigned) {}, nullptr); }
inline void __nanosleep(unsigned) { ::moe_emu::yield(); }
// The set of lanes that happen to run together is not defined, here or on a device; each runs alone.
inline unsigned __activemask() { return 1u << ::moe_emu::current->lane; }

template <class T>
struct MoeShuffle
{
    T value, result;
    int source;
    int lane;
};

template <class T>
__forceinline__ T moe_shuffle(unsigned mask, T value, int source)
{
    MoeShuffle<T> mine{value, value, source, (int)::moe_emu::current->lane};
    ::moe_emu::warp_collective(mask, [](void* const* lanes, unsigned mask)
    {
        for (unsigned rest = mask; rest; rest &= rest - 1)
        {
            auto* lane = (MoeShuffle<T>*)lanes[__builtin_ctz(rest)];
            // The value of a lane outside the mask is undefined: poison.
            if (mask >> lane->source & 1) lane->result = ((MoeShuffle<T>*)lanes[lane->source])->value;
            else memset(&lane->result, 0xFF, sizeof(T));
        }
    }, &mine);
    return mine.result;
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    int lane = (int)::moe_emu::current->lane;
    return moe_shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32)
{
    int lane = (int)::moe_emu::current->lane, source = lane ^ lane_mask;
    return moe_shuffle(mask, value, source > (lane | (width - 1)) ? lane : source);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    int lane = (int)::moe_emu::current->lane, source = lane + (int)delta;
    return moe_shuffle(mask, value, source > (lane | (width - 1)) ? lane : source);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    int lane = (int)::moe_emu::current->lane, source = lane - (int)delta;
    return moe_shuffle(mask, value, source < (lane & ~(width - 1)) ? lane : source);
}

struct MoeSum { template <class T> static T of(T a, T b) { return a + b; } };
struct MoeLeast { template <class T> static T of(T a, T b) { return a < b ? a : b; } };
struct MoeMost { template <class T> static T of(T a, T b) { return a > b ? a : b; } };
struct MoeAnd { template <class T> static T of(T a, T b) { return a & b; } };
struct MoeOr { template <class T> static T of(T a, T b) { return a | b; } };
struct MoeXor { template <class T> static T of(T a, T b) { return a ^ b; } };

// Every lane of the mask receives the fold of all their values.
template <class Op, class T>
__forceinline__ T moe_reduce(unsigned mask, T value)
{
    ::moe_emu::warp_collective(mask, [](void* const* lanes, unsigned mask)
    {
        T all = *(T*)lanes[__builtin_ctz(mask)];
        for (unsigned rest = mask & (mask - 1); rest; rest &= rest - 1) all = Op::of(all, *(T*)lanes[__builtin_ctz(rest)]);
        for (unsigned rest = mask; rest; rest &= rest - 1) *(T*)lanes[__builtin_ctz(rest)] = all;
    }, &value);
    return value;
}

#define MOE_REDUCE(T) \
    inline T __reduce_add_sync(unsigned mask, T v) { return moe_reduce<MoeSum>(mask, v); } \
    inline T __reduce_min_sync(unsigned mask, T v) { return moe_reduce<MoeLeast>(mask, v); } \
    inline T __reduce_max_sync(unsigned mask, T v) { return moe_reduce<MoeMost>(mask, v); }
MOE_REDUCE(int)
MOE_REDUCE(unsigned)
#undef MOE_REDUCE
inline unsigned __reduce_and_sync(unsigned mask, unsigned v) { return moe_reduce<MoeAnd>(mask, v); }
inline unsigned __reduce_or_sync(unsigned mask, unsigned v) { return moe_reduce<MoeOr>(mask, v); }
inline unsigned __reduce_xor_sync(unsigned mask, unsigned v) { return moe_reduce<MoeXor>(mask, v); }

inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    return moe_reduce<MoeOr>(mask, predicate ? 1u << ::moe_emu::current->lane : 0u);
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

template <class T>
struct MoeMatch
{
    T value;
    unsigned equal;
};

template <class T>
unsigned __match_any_sync(unsigned mask, T value)
{
    MoeMatch<T> mine{value, 0};
    ::moe_emu::warp_collective(mask, [](void* const* lanes, unsigned mask)
    {
        for (unsigned rest = mask; rest; rest &= rest - 1)
            for (unsigned other = mask; other; other &= other - 1)
            {
                auto* a = (MoeMatch<T>*)lanes[__builtin_ctz(rest)];
                if (a->value == ((MoeMatch<T>*)lanes[__builtin_ctz(other)])->value) a->equal |= other & -other;
            }
    }, &mine);
    return mine.equal;
}
