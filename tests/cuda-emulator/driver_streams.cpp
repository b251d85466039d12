// Emulated driver: streams, events, graphs.
#include <algorithm>
#include <cstring>

#include "driver.h"

using namespace moe_emu;

namespace
{
    Handles<Graph> graphs;
    Handles<GraphExec> graph_execs;

    // What cuGraphExecUpdate_v2 fills in.
    struct UpdateResult
    {
        int result;
        void* error_node;
        void* error_from_node;
    };
    constexpr int UpdateSucceeded = 0, UpdateTopologyChanged = 2, UpdateNodeTypeChanged = 3;

    constexpr unsigned NonBlocking = 1, DisableTiming = 2;

    void throw_error_of(const Stream& stream) { require(stream.context->error == CUDA_SUCCESS, stream.context->error); }

    void make_stream(void** stream, unsigned flags)
    {
        auto made = std::make_unique<Stream>();
        made->context = &here();
        made->waits_for_default = !(flags & NonBlocking);
        here().streams.insert(made.get());
        *stream = streams.add(std::move(made));
    }

    bool is_done(const Event& event) { return !event.mark || event.mark->done; }
}

EMU_API cuStreamCreate(void** stream, unsigned flags)
{
    return guarded([&] { make_stream(stream, flags); });
}

EMU_API cuStreamCreateWithPriority(void** stream, unsigned flags, int)
{
    return guarded([&] { make_stream(stream, flags); });
}

EMU_API cuCtxGetStreamPriorityRange(int* least, int* greatest)
{
    return guarded([&]
    {
        *least = 0;
        *greatest = -5;
    });
}

EMU_API cuStreamDestroy_v2(void* handle)
{
    return guarded([&]
    {
        Stream& stream = streams.check(handle);
        forbid_if_captured(stream);
        drain(stream);
        stream.context->streams.erase(&stream);
        streams.remove(handle);
    });
}

EMU_API cuStreamSynchronize(void* handle)
{
    return guarded([&]
    {
        Stream& stream = stream_of(handle);
        forbid_if_captured(stream);
        drain(stream);
        throw_error_of(stream);
    });
}

// Deferred work advances by one operation each time somebody asks.
EMU_API cuStreamQuery(void* handle)
{
    return guarded([&]
    {
        Stream& stream = stream_of(handle);
        forbid_if_captured(stream);
        bool done = stream.queue.empty();
        run_next(stream);
        throw_error_of(stream);
        require(done, CUDA_ERROR_NOT_READY);
    });
}

EMU_API cuStreamWaitEvent(void* stream, void* event, unsigned)
{
    return guarded([&] { wait_for(stream_of(stream), events.check(event)); });
}

EMU_API cuLaunchHostFunc(void* stream, void (*function)(void*), void* data)
{
    return guarded([&]
    {
        enqueue(stream_of(stream), {OperationKind::HostCall, [=]
        {
            function(data);
            return CUDA_SUCCESS;
        }});
    });
}

EMU_API cuEventCreate(void** event, unsigned flags)
{
    return guarded([&]
    {
        auto made = std::make_unique<Event>();
        made->context = &here();
        made->has_timing = !(flags & DisableTiming);
        *event = events.add(std::move(made));
    });
}

EMU_API cuEventDestroy_v2(void* event)
{
    return guarded([&] { events.remove(event); });
}

EMU_API cuEventRecord(void* handle, void* stream)
{
    return guarded([&]
    {
        Event& event = events.check(handle);
        require(event.context == stream_of(stream).context, CUDA_ERROR_INVALID_HANDLE);
        record(event, stream_of(stream));
    });
}

EMU_API cuEventSynchronize(void* handle)
{
    return guarded([&]
    {
        Event& event = events.check(handle);
        require(!event.is_captured, CUDA_ERROR_CAPTURED_EVENT);
        while (!is_done(event) && !event.mark->stream->queue.empty()) run_next(*event.mark->stream);
        require(event.context->error == CUDA_SUCCESS, event.context->error);
    });
}

EMU_API cuEventQuery(void* handle)
{
    return guarded([&]
    {
        Event& event = events.check(handle);
        require(!event.is_captured, CUDA_ERROR_CAPTURED_EVENT);
        bool done = is_done(event);
        if (!done) run_next(*event.mark->stream);
        require(event.context->error == CUDA_SUCCESS, event.context->error);
        require(done, CUDA_ERROR_NOT_READY);
    });
}

EMU_API cuEventElapsedTime(float* milliseconds, void* from, void* to)
{
    return guarded([&]
    {
        Event &first = events.check(from), &second = events.check(to);
        require(first.mark && second.mark && first.has_timing && second.has_timing, CUDA_ERROR_INVALID_HANDLE);
        require(is_done(first) && is_done(second), CUDA_ERROR_NOT_READY);
        *milliseconds = (float)(second.mark->milliseconds - first.mark->milliseconds);
    });
}

EMU_API cuStreamBeginCapture_v2(void* stream, int mode)
{
    return guarded([&] { begin_capture(stream_of(stream), mode); });
}

EMU_API cuStreamEndCapture(void* stream, void** graph)
{
    return guarded([&]
    {
        *graph = nullptr;
        *graph = graphs.add(end_capture(stream_of(stream)));
    });
}

EMU_API cuStreamIsCapturing(void* stream, int* status)
{
    return guarded([&]
    {
        const auto& capture = stream_of(stream).capture;
        *status = !capture ? 0 : capture->broken ? 2 : 1;
    });
}

EMU_API cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long)
{
    return guarded([&]
    {
        auto made = std::make_unique<GraphExec>();
        made->nodes = std::make_shared<std::vector<Operation>>(graphs.check(graph).nodes);
        *exec = graph_execs.add(std::move(made));
    });
}

EMU_API cuGraphLaunch(void* exec, void* stream)
{
    return guarded([&]
    {
        enqueue(stream_of(stream), {OperationKind::Graph, [nodes = graph_execs.check(exec).nodes]
        {
            for (const Operation& node : *nodes)
                if (CUresult result = node.run()) return result;
            return CUDA_SUCCESS;
        }});
    });
}

EMU_API cuGraphUpload(void* exec, void* stream)
{
    return guarded([&]
    {
        graph_execs.check(exec);
        stream_of(stream);
    });
}

EMU_API cuGraphExecUpdate_v2(void* exec, void* graph, UpdateResult* result)
{
    return guarded([&]
    {
        GraphExec& old = graph_execs.check(exec);
        Graph& wanted = graphs.check(graph);
        *result = {UpdateSucceeded, nullptr, nullptr};
        if (old.nodes->size() != wanted.nodes.size()) result->result = UpdateTopologyChanged;
        for (size_t i = 0; i < wanted.nodes.size() && result->result == UpdateSucceeded; i++)
            if ((*old.nodes)[i].kind != wanted.nodes[i].kind)
            {
                result->result = UpdateNodeTypeChanged;
                result->error_node = &wanted.nodes[i];
            }

        require(result->result == UpdateSucceeded, CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
        old.nodes = std::make_shared<std::vector<Operation>>(wanted.nodes);
    });
}

EMU_API cuGraphGetNodes(void* handle, void** nodes, size_t* count)
{
    return guarded([&]
    {
        Graph& graph = graphs.check(handle);
        size_t wanted = nodes ? *count : 0;
        *count = graph.nodes.size();
        for (size_t i = 0; i < wanted; i++) nodes[i] = i < graph.nodes.size() ? &graph.nodes[i] : nullptr;
    });
}

EMU_API cuGraphNodeGetType(void* node, int* type)
{
    return guarded([&] { *type = (int)static_cast<Operation*>(node)->kind; });
}

EMU_API cuGraphDestroy(void* graph)
{
    return guarded([&] { graphs.remove(graph); });
}

EMU_API cuGraphExecDestroy(void* exec)
{
    return guarded([&] { graph_execs.remove(exec); });
}
