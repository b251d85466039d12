// Checks of results: arithmetic, matrix products, warp operations.
#include <bit>
#include <cmath>

#include "selftest.h"

using namespace selftest;

namespace
{
    std::vector<float> small_integers(size_t count)
    {
        std::vector<float> values(count);
        for (float& v : values) v = (float)((int)(random_engine() % 17) - 8);
        return values;
    }

    void test_add_and_reduce()
    {
        int n = 10007;
        auto a = small_integers((size_t)n), b = small_integers((size_t)n);
        uintptr_t da = upload(a), db = upload(b), sum = upload(a), sums;
        OK(launch("add", (unsigned)(n + 255) / 256, 256, 0, nullptr, da, db, sum, n));
        auto got = download<float>(sum, (size_t)n);
        float total = 0;
        for (int i = 0; i < n; i++)
        {
            CHECK(got[(size_t)i] == a[(size_t)i] + b[(size_t)i]);
            total += got[(size_t)i];
        }

        OK(cuMemAlloc_v2(&sums, 7 * 4));
        OK(launch("reduce<128>", 7, 128, 0, nullptr, sum, sums, n));
        float reduced = 0;
        for (float part : download<float>(sums, 7)) reduced += part;
        CHECK(reduced == total);

        struct Scale
        {
            uintptr_t values;
            float factor;
            int n;
        };
        OK(launch("scale", 40, 256, 0, nullptr, Scale{sum, 3, n}));
        CHECK(download<float>(sum, 5)[4] == got[4] * 6);
    }

    // The definition of a binary16 or bfloat16 number, with the given bits of mantissa.
    double value_of(uint16_t bits, int mantissa)
    {
        int exponent = bits >> mantissa & ((1 << (15 - mantissa)) - 1), fraction = bits & ((1 << mantissa) - 1), bias = (1 << (14 - mantissa)) - 1;
        double sign = bits >> 15 ? -1 : 1;
        if (exponent == 2 * bias + 1) return fraction ? NAN : sign * INFINITY;
        return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias - mantissa) : sign * std::ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
    }

    // The nearest number, ties to even: its neighbours are found by bisection over the bits, which are in order.
    uint16_t nearest(double value, int mantissa)
    {
        if (std::isnan(value)) return 0x7FFF;
        uint16_t sign = std::signbit(value) ? 0x8000 : 0, low = 0, high = (uint16_t)(((1 << (15 - mantissa)) - 1) << mantissa);
        value = std::fabs(value);
        uint16_t infinity = high;
        while (high - low > 1)
        {
            auto middle = (uint16_t)((low + high) / 2);
            (value_of(middle, mantissa) <= value ? low : high) = middle;
        }

        // Infinity lies, for rounding, where the next number would be.
        double above = high == infinity ? 2 * value_of(low, mantissa) - value_of((uint16_t)(low - 1), mantissa) : value_of(high, mantissa);
        double to_low = value - value_of(low, mantissa), to_high = above - value;
        bool up = to_high < to_low || (to_high == to_low && (low & 1));
        return sign | (up ? high : low);
    }

    uint16_t to_bits(float value, bool half) { return nearest(value, half ? 10 : 7); }

    void test_numbers()
    {
        constexpr size_t Count = 1 << 16, Results = 12;
        std::vector<uint32_t> inputs(Count * 3);
        for (size_t i = 0; i < Count; i++)
        {
            inputs[i] = (uint32_t)i;
            inputs[Count + i] = random_engine();
            // Half of the floats are in the range of binary16.
            if (i % 2) inputs[Count + i] = (inputs[Count + i] & 0x807FFFFFu) | (100 + random_engine() % 48) << 23;
            inputs[2 * Count + i] = (uint32_t)random_engine();
        }

        uintptr_t from = upload(inputs), to = upload(std::vector<uint32_t>(Count * Results));
        int n = Count;
        OK(launch("numbers", Count / 256, 256, 0, nullptr, from, to, n));
        auto got = download<uint32_t>(to, Count * Results);
        auto same = [&](size_t result, size_t i, uint32_t wanted, const char* what)
        {
            uint32_t found = got[result * Count + i];
            if (found == wanted) return;
            if (failures++ < 20) printf("%s of %08x %08x %08x is %08x, not %08x\n", what, inputs[i], inputs[Count + i], inputs[2 * Count + i], found, wanted);
        };
        auto number = [](double value) { return std::bit_cast<uint32_t>((float)value); };
        auto both = [&](uint32_t a, uint32_t b, uint32_t c, int mantissa, auto formula)
        {
            uint32_t pair = 0;
            for (int shift = 0; shift < 32; shift += 16)
            {
                auto at = [&](uint32_t x) { return (__float128)value_of((uint16_t)(x >> shift), mantissa); };
                auto [first, second] = formula(at(a), at(b), at(c));
                __float128 sum = first + second, larger = first, smaller = second;
                if ((larger < 0 ? -larger : larger) < (smaller < 0 ? -smaller : smaller)) std::swap(larger, smaller);
                __float128 rest = smaller - (sum - larger); // what the sum has lost: exact
                // To odd, so that rounding once more does no harm.
                auto rounded = (double)sum;
                if (std::isfinite(rounded) && ((__float128)rounded != sum || rest != 0))
                {
                    __float128 excess = sum - (__float128)rounded;
                    if (excess == 0) excess = rest;
                    auto bits = std::bit_cast<uint64_t>(rounded);
                    if ((excess < 0) != (rounded < 0)) bits--;
                    rounded = std::bit_cast<double>(bits | 1);
                }

                pair |= (uint32_t)nearest(rounded, mantissa) << shift;
            }

            return pair;
        };
        for (size_t i = 0; i < Count; i++)
        {
            auto bits = (uint16_t)i;
            if (!std::isnan(value_of(bits, 10))) same(0, i, number(value_of(bits, 10)), "half_to_float");
            if (!std::isnan(value_of(bits, 7))) same(1, i, number(value_of(bits, 7)), "bf16_to_float");
            uint32_t x = inputs[Count + i], y = inputs[2 * Count + i], z = x * 2654435761u;
            float fx = std::bit_cast<float>(x), fy = std::bit_cast<float>(y);
            same(2, i, nearest(fx, 10), "float_to_half");
            same(3, i, nearest(fx, 7), "float_to_bf16");
            same(4, i, nearest(fx, 10) | (uint32_t)nearest(fy, 10) << 16, "pack_half2");
            same(5, i, nearest(fx, 7) | (uint32_t)nearest(fy, 7) << 16, "pack_bf16x2");
            same(6, i, both(x, y, z, 10, [](auto a, auto b, auto) { return std::pair(a, b); }), "add_half2");
            same(7, i, both(x, y, z, 10, [](auto a, auto b, auto) { return std::pair(a * b, (__float128)-0.0); }), "mul_half2");
            same(8, i, both(x, y, z, 10, [](auto a, auto b, auto c) { return std::pair(a * b, c); }), "fma_half2");
            same(9, i, both(x, y, z, 7, [](auto a, auto b, auto c) { return std::pair(a * b, c); }), "fma_bf16x2");
            float power = std::ldexp((float)(x % 4096) - 2048, -8);
            double wanted = std::exp2((double)power), error = std::bit_cast<float>(got[10 * Count + i]) / wanted - 1;
            CHECK(std::fabs(error) < 4e-7);
            same(11, i, (x & 0xFF) << 24 | (x >> 8 & 0xFF) << 16 | (y & 0xFF) << 8 | y >> 24, "__byte_perm");
        }
    }

    void test_matrices()
    {
        for (int half = 0; half < 2; half++)
            for (int transposed = 0; transposed < 2; transposed++)
            {
                auto a = small_integers(256), b = small_integers(128); // b[k][n]
                std::vector<uint16_t> abits(256), bbits(128);
                for (size_t i = 0; i < 256; i++) abits[i] = to_bits(a[i], half);
                for (size_t k = 0; k < 16; k++)
                    for (size_t n = 0; n < 8; n++) bbits[transposed ? k * 8 + n : n * 16 + k] = to_bits(b[k * 8 + n], half);
                uintptr_t da = upload(abits), db = upload(bbits), dc = upload(std::vector<float>(128));
                const char* name = half ? transposed ? Names[4] : Names[3] : transposed ? Names[2] : Names[1];
                OK(launch(name, 1, 32, 768, nullptr, da, db, dc));
                auto c = download<float>(dc, 128);
                for (size_t m = 0; m < 16; m++)
                    for (size_t n = 0; n < 8; n++)
                    {
                        float sum = 0;
                        for (size_t k = 0; k < 16; k++) sum += a[m * 16 + k] * b[k * 8 + n];
                        CHECK(c[m * 8 + n] == sum);
                    }
            }

        for (int kind = 0; kind < 3; kind++)
        {
            size_t depth = kind == 2 ? 16 : 32;
            std::vector<uint8_t> a(16 * depth), b(8 * depth);
            for (auto* bytes : {&a, &b})
                for (uint8_t& v : *bytes) v = (uint8_t)random_engine();
            std::vector<int> c(128, 5);
            uintptr_t da = upload(a), db = upload(b), dc = upload(c);
            OK(launch("product_bytes", 1, 32, 0, nullptr, da, db, dc, kind));
            auto got = download<int>(dc, 128);
            for (size_t m = 0; m < 16; m++)
                for (size_t n = 0; n < 8; n++)
                {
                    int sum = 5;
                    for (size_t k = 0; k < depth; k++)
                        sum += (kind == 1 ? a[m * depth + k] : (int8_t)a[m * depth + k]) * (int8_t)b[n * depth + k];
                    CHECK(got[m * 8 + n] == sum);
                }
        }
    }

    void test_warp_operations()
    {
        uintptr_t results = upload(std::vector<unsigned>(7 * 32));
        OK(launch("warp_operations", 1, 32, 0, nullptr, results));
        auto got = download<unsigned>(results, 7 * 32);
        for (unsigned lane = 0; lane < 32; lane++)
        {
            CHECK(got[lane] == 0x49249249u);
            CHECK(got[32 + lane] == 0xFFu << lane / 8 * 8);
            CHECK(got[64 + lane] == 31 * 16);
            CHECK(got[96 + lane] == (lane % 16 ? lane - 1 : lane));
            CHECK(got[128 + lane] == (lane < 16 ? 15 : 131));
            CHECK((int)got[160 + lane] == 1 * 4 + 127 * 3 - 1 * 2 - 128 * 1 + (int)lane);
            CHECK(got[192 + lane] == 16);
        }

        uintptr_t count = upload(std::vector<int>(1)), sum = upload(std::vector<float>(1));
        OK(launch("atomics", 100, 96, 0, nullptr, count, sum));
        CHECK(download<int>(count, 1)[0] == 9600 && download<float>(sum, 1)[0] == 9600);

    }
}

void selftest::test_results()
{
    test_add_and_reduce();
    test_matrices();
    test_numbers();
    test_warp_operations();
}
