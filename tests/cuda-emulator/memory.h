// All memory that the driver knows: of devices, pinned, registered.
#pragma once

#include <cstddef>
#include <map>

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

        size_t used(int device) const;
        size_t capacity() const { return capacity_; }
        const std::map<size_t, Allocation>& allocations() const { return allocations_; }

    private:
        Memory();
        static bool is_damaged(const Allocation& allocation);
        void unmap(const Allocation& allocation);

        std::map<size_t, Allocation> allocations_; // by address
        size_t capacity_;
    };
}
