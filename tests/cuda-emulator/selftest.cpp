// Checks of the emulator itself: runs CUDA kernels through the driver and NVRTC calls that the backend uses.
// selftest FOLDER [speed|device]; with MOE_EMU_ASYNC=1 it checks that work waits until somebody waits for it. Linked with NVIDIA's own
// libraries, "device" checks that a GPU, with the real ptx.cuh, gives the same results.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>

#include "selftest.h"

using namespace selftest;

namespace
{
    void* context;
    std::vector<char> image;

    std::string read(const std::string& path)
    {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    bool compile(const std::string& folder)
    {
        std::string source = read(folder + "/selftest.cu"), ptx = read(folder + "/../../src/Moe.Inference.Cuda/Kernels/ptx.cuh");
        const char* headers[] = {ptx.c_str(), "__device__ inline float scaled(float x, float factor) { return x * factor * FACTOR; }"};
        const char* header_names[] = {"ptx.cuh", "scale.cuh"};
        void* program;
        OK(nvrtcCreateProgram(&program, source.c_str(), "selftest.cu", 2, headers, header_names));
        for (const char* name : Names) OK(nvrtcAddNameExpression(program, name));
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
        for (const char* name : Names)
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
        test_results();
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
