// Emulated driver: memory and copies.
#include <cstring>
#include <vector>

#include "driver.h"
#include "memory.h"

using namespace moe_emu;

namespace
{
    Memory& memory() { return Memory::all(); }

    void allocate(size_t* address, int device, size_t size)
    {
        forbid_while_capturing();
        here();
        require(size > 0);
        *address = memory().allocate(device, size);
        require(*address != 0, CUDA_ERROR_OUT_OF_MEMORY);
    }

    // Device memory, or pinned host memory, which devices can address as well.
    void require_known(size_t address, size_t size) { require(memory().find(address, size)); }

    void require_on(const Context& context, size_t address, size_t size)
    {
        const Allocation* found = memory().find(address, size);
        require(found && found->device == context.device);
    }

    // The host's side of a copy: never device memory. True if it is pinned.
    bool is_pinned(const void* host, size_t size)
    {
        const Allocation* found = memory().find((size_t)host, 0);
        if (!found) return false;
        require(found->device == Host);
        return memory().find((size_t)host, size) != nullptr;
    }

    // The ranges are checked again when the copy runs: memory may have been freed in between.
    CUresult copy(size_t to, size_t from, size_t size, bool checks_to, bool checks_from)
    {
        if ((checks_to && !memory().find(to, size)) || (checks_from && !memory().find(from, size))) return CUDA_ERROR_ILLEGAL_ADDRESS;
        OpenMemory open(all_devices());
        memmove((void*)to, (void*)from, size);
        return CUDA_SUCCESS;
    }

    void host_to_device(Stream& stream, size_t to, const void* from, size_t size)
    {
        require_known(to, size);
        if (is_pinned(from, size))
            return enqueue(stream, {OperationKind::Copy, [=] { return copy(to, (size_t)from, size, true, true); }});
        // Memory that is not pinned is read before the call returns, and must not end up in a graph, which would read it later.
        forbid_if_captured(stream);
        auto* bytes = static_cast<const char*>(from);
        enqueue(stream, {OperationKind::Copy, [to, size, staged = std::vector<char>(bytes, bytes + size)]
        {
            return copy(to, (size_t)staged.data(), size, true, false);
        }});
    }

    void device_to_host(Stream& stream, void* to, size_t from, size_t size)
    {
        require_known(from, size);
        bool pinned = is_pinned(to, size);
        if (!pinned) forbid_if_captured(stream);
        enqueue(stream, {OperationKind::Copy, [=] { return copy((size_t)to, from, size, pinned, true); }});
        if (pinned) return;
        drain(stream);
        require(stream.context->error == CUDA_SUCCESS, stream.context->error);
    }

    void device_to_device(Stream& stream, size_t to, size_t from, size_t size)
    {
        require_known(to, size);
        require_known(from, size);
        enqueue(stream, {OperationKind::Copy, [=] { return copy(to, from, size, true, true); }});
    }

    template <class T>
    void fill(Stream& stream, size_t to, T value, size_t count)
    {
        require(to % sizeof(T) == 0);
        require_known(to, count * sizeof(T));
        enqueue(stream, {OperationKind::Fill, [=]
        {
            if (!memory().find(to, count * sizeof(T))) return CUDA_ERROR_ILLEGAL_ADDRESS;
            OpenMemory open(all_devices());
            for (size_t i = 0; i < count; i++) memcpy((char*)to + i * sizeof(T), &value, sizeof(T));
            return CUDA_SUCCESS;
        }});
    }

    // The forms without a stream run on the default stream, and are done when they return.
    template <class F>
    CUresult at_once(F body)
    {
        return guarded([&]
        {
            forbid_while_capturing();
            body(here().default_stream);
            here();
        });
    }
}

EMU_API cuMemAlloc_v2(size_t* address, size_t size)
{
    return guarded([&] { allocate(address, here().device, size); });
}

EMU_API cuMemFree_v2(size_t address)
{
    return guarded([&]
    {
        if (address == 0) return;
        forbid_while_capturing();
        for (Stream* stream : here().streams) drain(*stream);
        require_intact();
        const Allocation* found = memory().find(address, 0);
        require(found && found->device != Host && memory().release(found->device, address));
    });
}

EMU_API cuMemGetInfo_v2(size_t* free, size_t* total)
{
    return guarded([&]
    {
        *total = memory().capacity();
        *free = *total - memory().used(here().device);
    });
}

EMU_API cuMemHostAlloc(void** address, size_t size, unsigned)
{
    return guarded([&] { allocate(reinterpret_cast<size_t*>(address), Host, size); });
}

EMU_API cuMemFreeHost(void* address)
{
    return guarded([&]
    {
        forbid_while_capturing();
        for (Stream* stream : here().streams) drain(*stream);
        require_intact();
        require(memory().release(Host, (size_t)address));
    });
}

EMU_API cuMemHostRegister_v2(void* address, size_t size, unsigned)
{
    return guarded([&]
    {
        here();
        require(address && size > 0);
        const Allocation* first = memory().find((size_t)address, 0);
        require(!first || first->address + first->size == (size_t)address, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        memory().register_host((size_t)address, size);
    });
}

EMU_API cuMemHostUnregister(void* address)
{
    return guarded([&]
    {
        for (Stream* stream : here().streams) drain(*stream);
        require(memory().release(Host, (size_t)address, true), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    });
}

EMU_API cuMemHostGetDevicePointer_v2(size_t* device, void* host, unsigned flags)
{
    return guarded([&]
    {
        require(flags == 0 && is_pinned(host, 1));
        *device = (size_t)host;
    });
}

EMU_API cuMemcpyHtoDAsync_v2(size_t to, const void* from, size_t size, void* stream)
{
    return guarded([&] { host_to_device(stream_of(stream), to, from, size); });
}

EMU_API cuMemcpyDtoHAsync_v2(void* to, size_t from, size_t size, void* stream)
{
    return guarded([&] { device_to_host(stream_of(stream), to, from, size); });
}

EMU_API cuMemcpyDtoDAsync_v2(size_t to, size_t from, size_t size, void* stream)
{
    return guarded([&] { device_to_device(stream_of(stream), to, from, size); });
}

EMU_API cuMemcpyPeerAsync(size_t to, void* to_context, size_t from, void* from_context, size_t size, void* stream)
{
    return guarded([&]
    {
        require_on(context_of(to_context), to, size);
        require_on(context_of(from_context), from, size);
        device_to_device(stream_of(stream), to, from, size);
    });
}

EMU_API cuMemcpyHtoD_v2(size_t to, const void* from, size_t size)
{
    return at_once([&](Stream& stream) { host_to_device(stream, to, from, size); });
}

EMU_API cuMemcpyDtoH_v2(void* to, size_t from, size_t size)
{
    return at_once([&](Stream& stream) { device_to_host(stream, to, from, size); });
}

EMU_API cuMemcpyDtoD_v2(size_t to, size_t from, size_t size)
{
    return at_once([&](Stream& stream) { device_to_device(stream, to, from, size); });
}

EMU_API cuMemcpyPeer(size_t to, void* to_context, size_t from, void* from_context, size_t size)
{
    return at_once([&](Stream& stream)
    {
        require_on(context_of(to_context), to, size);
        require_on(context_of(from_context), from, size);
        device_to_device(stream, to, from, size);
    });
}

EMU_API cuMemsetD8Async(size_t to, unsigned char value, size_t count, void* stream)
{
    return guarded([&] { fill(stream_of(stream), to, value, count); });
}

EMU_API cuMemsetD32Async(size_t to, unsigned value, size_t count, void* stream)
{
    return guarded([&] { fill(stream_of(stream), to, value, count); });
}

EMU_API cuMemsetD8_v2(size_t to, unsigned char value, size_t count)
{
    return at_once([&](Stream& stream) { fill(stream, to, value, count); });
}

EMU_API cuMemsetD32_v2(size_t to, unsigned value, size_t count)
{
    return at_once([&](Stream& stream) { fill(stream, to, value, count); });
}
