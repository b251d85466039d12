// What the files of the self-test share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
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

namespace selftest
{
    inline int failures;
    inline void* module;
    inline std::map<std::string, std::string> lowered_names;
    inline std::mt19937 random_engine(1);

    inline void check(const char* file, bool holds, const char* what, int line)
    {
        if (holds) return;
        printf("%s:%d: %s\n", file, line, what);
        failures++;
    }

    inline void check_code(const char* file, int code, int wanted, const char* what, int line)
    {
        if (code == wanted) return;
        printf("%s:%d: %s gives %d, not %d\n", file, line, what, code, wanted);
        failures++;
    }

#define CHECK(condition) check(__FILE__, (condition), #condition, __LINE__)
#define GIVES(code, call) check_code(__FILE__, (call), (code), #call, __LINE__)
#define OK(call) GIVES(0, call)

    inline void* function(const char* name)
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

    constexpr const char* Names[] = {"reduce<128>", "&product16<false, false>", "product16<false, true>", "product16<true, false>", "product16<true, true>"};

    // What every device has to give the same results for.
    void test_results();
}
