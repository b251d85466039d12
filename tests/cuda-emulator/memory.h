// All memory that the driver knows: of devices, pinned, registered.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "driver_types.h"

namespace moe_emu
{
    constexpr int Host = -1;

    struct Allocation
    {
        size_t address, size;
        int device; // or Host
        void* mapping;
        size_t mapping_size; // 0 for registered memory, which is the caller's
    };

    class Memory
    {
    public:
        static Memory& all();

        // New memory is 0xFF throughout (floats are NaN) and its end, rounded up to 16 bytes, is followed by addresses that fault.
        // It returns 0 where the capacity does not allow it.
        size_t allocate(int device, size_t size);
        void register_host(size_t address, size_t size);

        // False for an address that is not the start of an allocation of that device.
        bool release(int device, size_t address, bool registered = false);
        void release_all(int device);

        // The allocation that contains the whole range; null if there is none.
        const Allocation* find(size_t address, size_t size) const;

        // The first allocation whose surroundings were overwritten; null if there is none.
        const Allocation* find_damaged() const;

        // With MOE_EMU_PROTECT=1, device memory faults except while work runs on it; false closes it again.
        void open(const std::set<int>& devices, bool open);

        size_t used(int device) const;
        size_t capacity() const { return capacity_; }
        const std::map<size_t, Allocation>& allocations() const { return allocations_; }

    private:
        Memory();
        static bool is_damaged(const Allocation& allocation);
        void unmap(const Allocation& allocation);

        std::map<size_t, Allocation> allocations_; // by address
        size_t capacity_;
        bool protected_;
    };

    // While it lives, the memory of these devices can be accessed.
    class OpenMemory
    {
    public:
        explicit OpenMemory(std::set<int> devices) : devices_(std::move(devices)) { Memory::all().open(devices_, true); }
        ~OpenMemory() { Memory::all().open(devices_, false); }
        OpenMemory(const OpenMemory&) = delete;

    private:
        std::set<int> devices_;
    };
}
