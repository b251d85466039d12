#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "blocks.h"

namespace moe_emu
{
    namespace
    {
        constexpr size_t Page = 4096, Guard = 1 << 20; // only addresses, no memory
        constexpr unsigned char GuardByte = 0xFD;

        size_t round_up(size_t value, size_t to) { return (value + to - 1) / to * to; }
    }

    Memory& Memory::all()
    {
        static auto* memory = new Memory;
        return *memory;
    }

    Memory::Memory()
    {
        const char* bytes = getenv("MOE_EMU_MEMORY");
        capacity_ = bytes ? strtoull(bytes, nullptr, 10) : 16ull << 30;
        protected_ = getenv("MOE_EMU_PROTECT") && !strcmp(getenv("MOE_EMU_PROTECT"), "1");
    }

    size_t Memory::allocate(int device, size_t size)
    {
        if (device != Host && size > capacity_ - used(device)) return 0;
        size_t usable = round_up(size, Page), whole = usable + 2 * Guard;
        void* mapping = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapping == MAP_FAILED) return 0;
        size_t first = (size_t)mapping + Guard, address = first + usable - round_up(size, 16);
        mprotect((void*)first, usable, PROT_READ | PROT_WRITE);
        memset((void*)first, GuardByte, address - first);
        memset((void*)address, 0xFF, size);
        memset((void*)(address + size), GuardByte, first + usable - address - size);
        allocations_[address] = {address, size, device, mapping, whole};
        open({device}, false);
        return address;
    }

    void Memory::open(const std::set<int>& devices, bool open)
    {
        if (!protected_) return;
        for (auto& [address, a] : allocations_)
            if (a.device != Host && devices.count(a.device))
                mprotect((char*)a.mapping + Guard, a.mapping_size - 2 * Guard, open ? PROT_READ | PROT_WRITE : PROT_NONE);
    }

    void Memory::register_host(size_t address, size_t size) { allocations_[address] = {address, size, Host, nullptr, 0}; }

    bool Memory::release(int device, size_t address, bool registered)
    {
        auto found = allocations_.find(address);
        if (found == allocations_.end() || found->second.device != device || (found->second.mapping_size == 0) != registered) return false;
        unmap(found->second);
        allocations_.erase(found);
        return true;
    }

    void Memory::release_all(int device)
    {
        for (auto at = allocations_.begin(); at != allocations_.end();)
            if (at->second.device == device) unmap(at->second), at = allocations_.erase(at);
            else ++at;
    }

    const Allocation* Memory::find(size_t address, size_t size) const
    {
        auto after = allocations_.upper_bound(address);
        if (after == allocations_.begin()) return nullptr;
        const Allocation& found = std::prev(after)->second;
        size_t offset = address - found.address;
        return offset <= found.size && size <= found.size - offset ? &found : nullptr;
    }

    const Allocation* Memory::find_damaged() const
    {
        for (auto& [address, allocation] : allocations_)
            if (is_damaged(allocation)) return &allocation;
        return nullptr;
    }

    size_t Memory::used(int device) const
    {
        size_t sum = 0;
        for (auto& [address, allocation] : allocations_)
            if (allocation.device == device) sum += allocation.size;
        return sum;
    }

    bool Memory::is_damaged(const Allocation& a)
    {
        if (a.mapping_size == 0) return false;
        auto intact = [](size_t from, size_t to)
        {
            return std::all_of((const unsigned char*)from, (const unsigned char*)to, [](unsigned char b) { return b == GuardByte; });
        };
        size_t first = (size_t)a.mapping + Guard, last = (size_t)a.mapping + a.mapping_size - Guard;
        return !intact(first, a.address) || !intact(a.address + a.size, last);
    }

    // The addresses stay reserved, so that what still uses them faults instead of meeting a later allocation.
    void Memory::unmap(const Allocation& allocation)
    {
        if (allocation.mapping_size == 0) return;
        mmap(allocation.mapping, allocation.mapping_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }

    // Called while a kernel runs: the thread that launched it holds the driver's lock, so nothing changes.
    std::string describe_address(const void* pointer)
    {
        auto address = (size_t)pointer;
        const Allocation* nearest = nullptr;
        size_t distance = SIZE_MAX;
        for (auto& [start, a] : Memory::all().allocations())
        {
            size_t d = address < start ? start - address : address < start + a.size ? 0 : address - start - a.size;
            if (d < distance) nearest = &a, distance = d;
        }

        char text[200];
        if (!nearest || distance > 1 << 20) snprintf(text, sizeof text, "address %p, far from every allocation", pointer);
        else
            snprintf(text, sizeof text, "address %p, %zd bytes from the start of an allocation of %zu bytes at %zx", pointer,
                (ssize_t)(address - nearest->address), nearest->size, nearest->address);
        return text;
    }
}
