// Emulated driver: initialization, devices, primary contexts, errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "blocks.h"
#include "driver.h"
#include "memory.h"

namespace moe_emu
{
    Handles<Stream> streams;
    Handles<Event> events;
    std::recursive_mutex driver_lock;
    bool is_initialized;

    namespace
    {
        thread_local Context* current_context;
        std::map<int, std::string> messages; // the latest of each code

        std::vector<Context>& contexts()
        {
            static auto* all = []
            {
                auto* made = new std::vector<Context>((size_t)device_count());
                for (int i = 0; i < device_count(); i++)
                {
                    (*made)[(size_t)i].device = i;
                    (*made)[(size_t)i].default_stream.context = &(*made)[(size_t)i];
                }

                return made;
            }();
            return *all;
        }

        Context& context_at(int device)
        {
            require(device >= 0 && device < device_count(), CUDA_ERROR_INVALID_DEVICE);
            return contexts()[(size_t)device];
        }

        void reset(Context& context)
        {
            for (Stream* stream : context.streams) stream->queue.clear();
            streams.remove_if([&](Stream& stream) { return stream.context == &context; });
            events.remove_if([&](Event& event) { return event.context == &context; });
            unload_modules(context);
            context.streams.clear();
            context.peers.clear();
            context.error = CUDA_SUCCESS;
            Memory::all().release_all(context.device);
        }

        // As an H100's, with few multiprocessors.
        const std::map<int, int> attributes = {
            {1, 1024}, {2, 1024}, {3, 1024}, {4, 64}, // threads of a block, and its x, y, z
            {5, 2147483647}, {6, 65535}, {7, 65535},  // grid
            {8, 49152},                               // shared memory of a block
            {9, 65536},                               // constant memory
            {10, 32},                                 // warp size
            {12, 65536},                              // registers of a block
            {13, 1980000},                            // clock, kHz
            {16, 4},                                  // multiprocessors
            {18, 0}, {19, 1},                         // integrated; maps host memory
            {31, 1}, {32, 0},                         // concurrent kernels; ECC
            {33, 1}, {34, 0}, {50, 0},                // PCI bus, device, domain
            {36, 2619000}, {37, 5120},                // memory clock, kHz; bus width
            {38, 52428800},                           // second-level cache
            {39, 2048}, {40, 3}, {41, 1},             // threads of a multiprocessor; copy engines; unified addresses
            {75, 9}, {76, 0},                         // compute capability
            {78, 1},                                  // stream priorities
            {81, 233472}, {82, 65536},                // shared memory and registers of a multiprocessor
            {83, 0},                                  // managed memory
            {95, 0},                                  // cooperative launch
            {97, (int)MaxDynamicShared},              // shared memory of a block that asks for more
            {99, 1},                                  // host memory can be registered
            {106, 32},                                // blocks of a multiprocessor
            {111, 1024},                              // shared memory that each block loses
            {115, 0},                                 // memory pools
        };

        const std::map<int, const char*> error_names = {
            {CUDA_SUCCESS, "CUDA_SUCCESS"},
            {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
            {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
            {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
            {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
            {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
            {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
            {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
            {CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED"},
            {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
            {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
            {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY"},
            {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
            {CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED"},
            {CUDA_ERROR_ASSERT, "CUDA_ERROR_ASSERT"},
            {CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
            {CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED"},
            {CUDA_ERROR_ILLEGAL_INSTRUCTION, "CUDA_ERROR_ILLEGAL_INSTRUCTION"},
            {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS"},
            {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
            {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
            {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
            {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
            {CUDA_ERROR_STREAM_CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE"},
            {CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"},
            {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"},
            {CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
            {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT"},
            {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT"},
            {CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE"},
            {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN"},
        };
    }

    int device_count()
    {
        static const int count = getenv("MOE_EMU_DEVICES") ? atoi(getenv("MOE_EMU_DEVICES")) : 1;
        return count;
    }

    std::set<int> all_devices()
    {
        std::set<int> devices;
        for (int i = 0; i < device_count(); i++) devices.insert(i);
        return devices;
    }

    Context& context_of(const void* handle)
    {
        for (Context& context : contexts())
            if (&context == handle && context.users > 0) return context;
        throw CUDA_ERROR_INVALID_CONTEXT;
    }

    Context& here()
    {
        Context& context = context_of(current_context);
        require(context.error == CUDA_SUCCESS, context.error);
        return context;
    }

    void report(CUresult code, const std::string& message)
    {
        fprintf(stderr, "CUDA emulator: %s\n", message.c_str());
        messages[code] = message;
    }

    void require_intact()
    {
        OpenMemory open(all_devices());
        const Allocation* damaged = Memory::all().find_damaged();
        if (!damaged) return;
        report(CUDA_ERROR_ILLEGAL_ADDRESS, "something wrote right beside an allocation of " + std::to_string(damaged->size) + " bytes");
        throw here().error = CUDA_ERROR_ILLEGAL_ADDRESS;
    }

    Stream& stream_of(const void* handle)
    {
        // The handles 0, 1 (legacy) and 2 (per thread) mean the default stream.
        if ((size_t)handle <= 2) return here().default_stream;
        Stream& stream = streams.check(handle);
        require(stream.context->error == CUDA_SUCCESS, stream.context->error);
        return stream;
    }
}

using namespace moe_emu;

EMU_API cuInit(unsigned flags)
{
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (device_count() < 1) return CUDA_ERROR_NO_DEVICE;
    is_initialized = true;
    return CUDA_SUCCESS;
}

EMU_API cuDriverGetVersion(int* version)
{
    *version = 12040;
    return CUDA_SUCCESS;
}

EMU_API cuDeviceGetCount(int* count)
{
    return guarded([&] { *count = device_count(); });
}

EMU_API cuDeviceGet(int* device, int ordinal)
{
    return guarded([&] { *device = context_at(ordinal).device; });
}

EMU_API cuDeviceGetName(char* name, int length, int device)
{
    return guarded([&] { snprintf(name, (size_t)length, "Emulated device %d", context_at(device).device); });
}

EMU_API cuDeviceGetUuid_v2(char* uuid, int device)
{
    return guarded([&]
    {
        memset(uuid, 0, 16);
        uuid[15] = (char)context_at(device).device;
    });
}

EMU_API cuDeviceGetAttribute(int* value, int attribute, int device)
{
    return guarded([&]
    {
        context_at(device);
        auto found = attributes.find(attribute);
        require(found != attributes.end());
        *value = found->second;
    });
}

EMU_API cuDeviceTotalMem_v2(size_t* bytes, int device)
{
    return guarded([&]
    {
        context_at(device);
        *bytes = Memory::all().capacity();
    });
}

EMU_API cuDeviceCanAccessPeer(int* can, int device, int peer)
{
    return guarded([&] { *can = &context_at(device) != &context_at(peer); });
}

EMU_API cuDevicePrimaryCtxRetain(void** context, int device)
{
    return guarded([&]
    {
        context_at(device).users++;
        *context = &context_at(device);
    });
}

EMU_API cuDevicePrimaryCtxRelease_v2(int device)
{
    return guarded([&]
    {
        Context& context = context_at(device);
        require(context.users > 0, CUDA_ERROR_INVALID_CONTEXT);
        if (--context.users == 0) reset(context);
    });
}

EMU_API cuDevicePrimaryCtxReset_v2(int device)
{
    return guarded([&] { reset(context_at(device)); });
}

EMU_API cuCtxSetCurrent(void* context)
{
    return guarded([&] { current_context = context ? &context_of(context) : nullptr; });
}

EMU_API cuCtxGetCurrent(void** context)
{
    return guarded([&] { *context = current_context; });
}

EMU_API cuCtxGetDevice(int* device)
{
    return guarded([&] { *device = context_of(current_context).device; });
}

EMU_API cuCtxSynchronize()
{
    return guarded([&]
    {
        forbid_while_capturing();
        Context& context = here();
        for (Stream* stream : context.streams) drain(*stream);
        here();
        require_intact();
    });
}

EMU_API cuCtxEnablePeerAccess(void* peer, unsigned flags)
{
    return guarded([&]
    {
        require(flags == 0);
        Context& other = context_of(peer);
        require(&other != &here(), CUDA_ERROR_INVALID_DEVICE);
        require(here().peers.insert(&other).second, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
    });
}

EMU_API cuGetErrorName(int error, const char** name)
{
    auto found = error_names.find(error);
    *name = found == error_names.end() ? nullptr : found->second;
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EMU_API cuGetErrorString(int error, const char** text)
{
    std::lock_guard lock(driver_lock);
    auto found = messages.find(error);
    if (found == messages.end()) return cuGetErrorName(error, text);
    *text = found->second.c_str();
    return CUDA_SUCCESS;
}
