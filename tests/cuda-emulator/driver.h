// What the files of the emulated driver share: contexts, handles, and the frame of every call.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <unordered_set>

#include "streams.h"

#define EMU_API extern "C" __attribute__((visibility("default"))) CUresult

namespace moe_emu
{
    // The primary context of a device.
    struct Context
    {
        int device;
        unsigned users;
        CUresult error; // of work; stays until the context is reset
        Stream default_stream;
        std::set<Stream*> streams;
        std::set<Context*> peers;
    };

    // The live objects of a type; a handle is their address.
    template <class T>
    class Handles
    {
    public:
        T* add(std::unique_ptr<T> object)
        {
            live_.insert(object.get());
            return object.release();
        }

        T& check(const void* handle) const
        {
            auto* object = static_cast<T*>(const_cast<void*>(handle));
            if (!live_.count(object)) throw CUDA_ERROR_INVALID_HANDLE;
            return *object;
        }

        std::unique_ptr<T> remove(const void* handle)
        {
            T& object = check(handle);
            live_.erase(&object);
            return std::unique_ptr<T>(&object);
        }

        template <class F>
        void remove_if(F predicate)
        {
            for (auto at = live_.begin(); at != live_.end();)
                if (predicate(**at))
                {
                    delete *at;
                    at = live_.erase(at);
                }
                else ++at;
        }

    private:
        std::unordered_set<T*> live_;
    };

    extern Handles<Stream> streams;
    extern Handles<Event> events;
    extern std::recursive_mutex driver_lock;
    extern bool is_initialized;

    // The calling thread's context; throws where there is none or its work has failed.
    Context& here();
    Context& context_of(const void* handle);
    Stream& stream_of(const void* handle);
    int device_count();
    std::set<int> all_devices();

    // Prints what went wrong; cuGetErrorString gives the latest such message of a code.
    void report(CUresult code, const std::string& message);

    // Throws if something wrote right beside an allocation.
    void require_intact();

    // Unloads what a context that ends has loaded.
    void unload_modules(Context& context);

    // Every call holds the lock; what is wrong is thrown as a CUresult.
    template <class F>
    CUresult guarded(F body)
    {
        std::lock_guard lock(driver_lock);
        if (!is_initialized) return CUDA_ERROR_NOT_INITIALIZED;
        try
        {
            body();
            return CUDA_SUCCESS;
        }
        catch (CUresult result)
        {
            return result;
        }
    }

    inline void require(bool condition, CUresult otherwise = CUDA_ERROR_INVALID_VALUE)
    {
        if (!condition) throw otherwise;
    }
}
