// Checks of the emulator itself: runs CUDA kernels through the driver and NVRTC calls that the backend uses.
// selftest FOLDER [speed|device]; with MOE_EMU_ASYNC=1 it checks that work waits until somebody waits for it. Linked with NVIDIA's own
// libraries, "device" checks that a GPU, with the real ptx.cuh, gives the same results.
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

extern "C"
{
    int cuInit(unsigned), cuDeviceGetCount(int*), cuDeviceGetAttribute(int*, int, int), cuDevicePrimaryCtxRetain(void**, int), cuDevicePrimaryCtxReset_v2(int);
    int cuCtxSetCurrent(void*), cuCtxSynchronize(), cuGetErrorString(int, const char**);
    int cuMemAlloc_v2(uintptr_t*, size_t), cuMemFree_v2(uintptr_t), cuMemHostAlloc(void**, size_t, unsigned), cuMemFreeHost(void*);
    int cuMemGetInfo_v2(size_t*, size_t*);
    int cuMemcpyHtoD_v2(uintptr_t, const void*, size_t), cuMemcpyDtoH_v2(void*, uintptr_t, size_t);
    int cuMemcpyHtoDAsync_v2(uintptr_t, const void*, size_t, void*), cuMemcpyDtoHAsync_v2(void*, uintptr_t, size_t, void*);
    int cuMemsetD32Async(uintptr_t, unsigned, size_t, void*);
    int cuStreamCreate(void**, unsigned), cuStreamDestroy_v2(void*), cuStreamSynchronize(void*), cuStreamWaitEvent(void*, void*, unsigned);
    int cuEventCreate(void**, unsigned), cuEventRecord(void*, void*), cuEventDestroy_v2(void*);
    int cuStreamBeginCapture_v2(void*, int), cuStreamEndCapture(void*, void**), cuGraphInstantiateWithFlags(void**, void*, unsigned long long);
    int cuGraphLaunch(void*, void*), cuGraphExecUpdate_v2(void*, void*, void*), cuGraphGetNodes(void*, void**, size_t*), cuGraphDestroy(void*), cuGraphExecDestroy(void*);
    int cuModuleLoadData(void**, const void*), cuModuleGetFunction(void**, void*, const char*), cuFuncSetAttribute(void*, int, int);
    int cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
    int nvrtcCreateProgram(void**, const char*, const char*, int, const char* const*, const char* const*), nvrtcAddNameExpression(void*, const char*);
    int nvrtcCompileProgram(void*, int, const char* const*), nvrtcGetProgramLogSize(void*, size_t*), nvrtcGetProgramLog(void*, char*);
    int nvrtcGetCUBINSize(void*, size_t*), nvrtcGetCUBIN(void*, char*), nvrtcGetLoweredName(void*, const char*, const char**), nvrtcDestroyProgram(void**);
}

namespace
{
    int failures;
    void* context;
    std::vector<char> image;
    void* module;

    void check(bool holds, const char* what, int line)
    {
        if (holds) return;
        printf("selftest.cpp:%d: %s\n", line, what);
        failures++;
    }

    void check_code(int code, int wanted, const char* what, int line)
    {
        if (code == wanted) return;
        printf("selftest.cpp:%d: %s gives %d, not %d\n", line, what, code, wanted);
        failures++;
    }

#define CHECK(condition) check((condition), #condition, __LINE__)
#define GIVES(code, call) check_code((call), (code), #call, __LINE__)
#define OK(call) GIVES(0, call)

    std::string read(const std::string& path)
    {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    const char* const names[] = {"reduce<128>", "&product16<false, false>", "product16<false, true>", "product16<true, false>", "product16<true, true>"};

    std::map<std::string, std::string> lowered_names;

    bool compile(const std::string& folder)
    {
        std::string source = read(folder + "/selftest.cu"), ptx = read(folder + "/../../src/Moe.Inference.Cuda/Kernels/ptx.cuh");
        const char* headers[] = {ptx.c_str(), "__device__ inline float scaled(float x, float factor) { return x * factor * FACTOR; }"};
        const char* header_names[] = {"ptx.cuh", "scale.cuh"};
        void* program;
        OK(nvrtcCreateProgram(&program, source.c_str(), "selftest.cu", 2, headers, header_names));
        for (const char* name : names) OK(nvrtcAddNameExpression(program, name));
        const char* options[] = {"--gpu-architecture=sm_90a", "-std=c++17", "-DFACTOR=2", "-lineinfo"};
        int result = nvrtcCompileProgram(program, 4, options);
        size_t size;
        nvrtcGetProgramLogSize(program, &size);
        std::string log(size, 0);
        nvrtcGetProgramLog(program, log.data());
        if (result) return printf("%s\n", log.c_str()), false;
        OK(nvrtcGetCUBINSize(program, &size));
        image.resize(size);
        OK(nvrtcGetCUBIN(program, image.data()));
        for (const char* name : names)
        {
            const char* lowered = "";
            OK(nvrtcGetLoweredName(program, name, &lowered));
            lowered_names[name] = lowered;
        }

        OK(nvrtcDestroyProgram(&program));
        return true;
    }

    void test_bad_source()
    {
        void* program;
        size_t size;
        OK(nvrtcCreateProgram(&program, "__global__ void f() { nonsense(); }", "bad.cu", 0, nullptr, nullptr));
        GIVES(6, nvrtcCompileProgram(program, 0, nullptr));
        OK(nvrtcGetProgramLogSize(program, &size));
        std::string log(size, 0);
        OK(nvrtcGetProgramLog(program, log.data()));
        CHECK(log.find("bad.cu:1") != std::string::npos && log.find("nonsense") != std::string::npos);
        OK(nvrtcDestroyProgram(&program));
    }

    void start()
    {
        OK(cuDevicePrimaryCtxReset_v2(0));
        OK(cuCtxSetCurrent(context));
        OK(cuModuleLoadData(&module, image.data()));
    }

    void* function(const char* name)
    {
        void* found = nullptr;
        auto lowered = lowered_names.find(name);
        OK(cuModuleGetFunction(&found, module, lowered == lowered_names.end() ? name : lowered->second.c_str()));
        return found;
    }

    template <class... A>
    int launch(const char* name, unsigned grid, unsigned block, unsigned shared, void* stream, A... arguments)
    {
        void* parameters[] = {&arguments..., nullptr};
        return cuLaunchKernel(function(name), grid, 1, 1, block, 1, 1, shared, stream, parameters, nullptr);
    }

    template <class T>
    uintptr_t upload(const std::vector<T>& values)
    {
        uintptr_t address = 0;
        OK(cuMemAlloc_v2(&address, values.size() * sizeof(T)));
        OK(cuMemcpyHtoD_v2(address, values.data(), values.size() * sizeof(T)));
        return address;
    }

    template <class T>
    std::vector<T> download(uintptr_t address, size_t count)
    {
        std::vector<T> values(count);
        OK(cuMemcpyDtoH_v2(values.data(), address, count * sizeof(T)));
        return values;
    }

    std::mt19937 random_engine(1);

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
                const char* name = half ? transposed ? names[4] : names[3] : transposed ? names[2] : names[1];
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

    void test_poison()
    {
        std::vector<int> expected(65);
        for (int i = 0; i < 64; i++) expected[(size_t)i + 1] = i;
        uintptr_t wrong = upload(expected);
        OK(launch("poison", 50, 64, 256, nullptr, wrong));
        CHECK(download<int>(wrong, 1)[0] == 0);
    }

    void test_faults()
    {
        const int wanted[] = {700, 719, 719, 700, 716, 710, 719};
        for (int kind = 0; kind < 7; kind++)
        {
            start();
            int size = 1000;
            uintptr_t memory = upload(std::vector<uint8_t>((size_t)size));
            OK(launch("faulty", 3, 32, 1024, nullptr, kind, memory, size));
            GIVES(wanted[kind], cuCtxSynchronize());
            uintptr_t more;
            GIVES(wanted[kind], cuMemAlloc_v2(&more, 16)); // it stays
            const char* text;
            OK(cuGetErrorString(wanted[kind], &text));
            CHECK(std::string(text).find("faulty: thread (") == 0);
        }

        // Within the allocation's last 16 bytes: found by the guard bytes.
        start();
        uintptr_t memory = upload(std::vector<uint8_t>(1000));
        OK(launch("faulty", 1, 32, 1024, nullptr, 0, memory, 985));
        GIVES(700, cuCtxSynchronize());
    }

    void test_bad_calls()
    {
        start();
        std::vector<float> values(100);
        uintptr_t memory = upload(values);
        int n = 1;
        uintptr_t fresh;
        OK(cuMemAlloc_v2(&fresh, 28));
        CHECK(std::isnan(download<float>(fresh, 7)[3]));
        GIVES(1, launch("add", 0, 256, 0, nullptr, memory, memory, memory, n));
        GIVES(1, launch("add", 1, 1025, 0, nullptr, memory, memory, memory, n));
        GIVES(1, launch("add", 1, 256, 50000, nullptr, memory, memory, memory, n));
        OK(cuFuncSetAttribute(function("add"), 8, 232448));
        OK(launch("add", 1, 256, 232448, nullptr, memory, memory, memory, n));
        GIVES(1, cuFuncSetAttribute(function("add"), 8, 232449));
        GIVES(1, cuMemcpyHtoD_v2(memory, values.data(), 401));
        GIVES(1, cuMemcpyDtoH_v2(values.data(), memory + 4, 400));
        GIVES(1, cuMemFree_v2(memory + 4));
        OK(cuMemFree_v2(memory));
        GIVES(1, cuMemFree_v2(memory));
        GIVES(1, cuMemcpyHtoD_v2(memory, values.data(), 4));
        GIVES(400, launch("add", 1, 256, 0, &n, memory, memory, memory, n));
        GIVES(400, cuStreamSynchronize(&n));
        void* none;
        GIVES(500, cuModuleGetFunction(&none, module, "nobody"));
        GIVES(200, cuModuleLoadData(&none, std::string(100, 'x').data()));
        size_t free, total;
        OK(cuMemGetInfo_v2(&free, &total));
        GIVES(2, cuMemAlloc_v2(&memory, free + 1));
    }

    void test_graphs()
    {
        start();
        void *stream, *side, *event, *joined, *graph, *exec;
        OK(cuStreamCreate(&stream, 1));
        OK(cuStreamCreate(&side, 1));
        OK(cuEventCreate(&event, 2));
        OK(cuEventCreate(&joined, 2));
        uintptr_t a = upload(std::vector<float>(256, 1)), sum = upload(std::vector<float>(256, 1));
        int n = 256;
        auto capture = [&](uintptr_t from, bool joins)
        {
            OK(cuStreamBeginCapture_v2(stream, 0));
            OK(launch("add", 1, 256, 0, stream, from, sum, sum, n));
            OK(cuEventRecord(event, stream));
            OK(cuStreamWaitEvent(side, event, 0));
            OK(launch("add", 1, 256, 0, side, from, sum, sum, n));
            OK(cuEventRecord(joined, side));
            if (joins) OK(cuStreamWaitEvent(stream, joined, 0));
        };
        capture(a, true);
        OK(cuStreamEndCapture(stream, &graph));
        size_t nodes = 0;
        OK(cuGraphGetNodes(graph, nullptr, &nodes));
        CHECK(nodes == 2);
        CHECK(download<float>(sum, 1)[0] == 1); // captured, not run
        OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
        OK(cuGraphDestroy(graph));
        for (int i = 0; i < 3; i++) OK(cuGraphLaunch(exec, stream));
        OK(cuStreamSynchronize(stream));
        CHECK(download<float>(sum, 256)[255] == 7);

        uintptr_t tens = upload(std::vector<float>(256, 10));
        capture(tens, true);
        OK(cuStreamEndCapture(stream, &graph));
        char info[24];
        OK(cuGraphExecUpdate_v2(exec, graph, info));
        OK(cuGraphLaunch(exec, stream));
        OK(cuStreamSynchronize(stream));
        CHECK(download<float>(sum, 256)[255] == 27);

        capture(a, false);
        GIVES(904, cuStreamEndCapture(stream, &graph));
        OK(cuStreamBeginCapture_v2(stream, 0));
        uintptr_t memory;
        GIVES(900, cuMemAlloc_v2(&memory, 4));
        GIVES(901, cuStreamEndCapture(stream, &graph));
        OK(cuGraphExecDestroy(exec));
        OK(cuStreamDestroy_v2(stream));
        GIVES(400, cuStreamDestroy_v2(stream));
    }

    void test_deferred()
    {
        start();
        void *first, *second, *event, *pinned;
        OK(cuStreamCreate(&first, 1));
        OK(cuStreamCreate(&second, 1));
        OK(cuEventCreate(&event, 2));
        OK(cuMemHostAlloc(&pinned, 4, 0));
        uintptr_t a = upload(std::vector<float>(1, 1)), sum = upload(std::vector<float>(1, 1));
        auto* result = static_cast<float*>(pinned);
        int n = 1;
        OK(launch("add", 1, 32, 0, first, a, sum, sum, n));
        OK(cuMemcpyDtoHAsync_v2(pinned, sum, 4, second)); // does not wait for the first stream
        OK(cuStreamSynchronize(second));
        CHECK(*result == 1);
        OK(cuEventRecord(event, first));
        OK(cuStreamWaitEvent(second, event, 0));
        OK(cuMemcpyDtoHAsync_v2(pinned, sum, 4, second));
        CHECK(*result == 1); // nobody has waited
        OK(cuStreamSynchronize(second));
        CHECK(*result == 2);
    }

    void measure(const char* what, double count, const std::function<void()>& run)
    {
        run();
        auto begin = std::chrono::steady_clock::now();
        run();
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        printf("%-40s %10.0f per second\n", what, count / seconds);
    }

    void measure_speed()
    {
        start();
        uintptr_t result = upload(std::vector<float>(256));
        measure("launches of 1 block of 256 threads", 5000, [&] { for (int i = 0; i < 5000; i++) OK(launch("nothing", 1, 256, 0, nullptr)); });
        measure("blocks of 256 threads in one launch", 20000, [&] { OK(launch("nothing", 20000, 256, 0, nullptr)); });
        measure("switches of threads (barriers)", 2.0 * 2000 * 256, [&] { OK(launch("barriers", 2, 256, 0, nullptr, 2000)); });
        measure("matrix products m16n8k16 (8 warps)", 2.0 * 2000 * 8, [&] { OK(launch("matrices", 2, 256, 0, nullptr, result, 2000)); });
    }
}

int main(int count, char** arguments)
{
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    if (count < 2 || !compile(arguments[1])) return 1;
    start();
    std::string mode = count > 2 ? arguments[2] : "";
    if (mode == "speed") measure_speed();
    else if (getenv("MOE_EMU_ASYNC")) test_deferred();
    else
    {
        test_add_and_reduce();
        test_matrices();
        test_numbers();
        test_warp_operations();
        test_graphs();
        if (mode != "device")
        {
            test_poison();
            test_faults();
            test_bad_calls();
            test_bad_source();
        }
    }

    printf(failures ? "%d failures\n" : "emulator: all checks pass\n", failures);
    return failures != 0;
}
