// Streams, events, capture and graphs. Work runs when it is enqueued or, with MOE_EMU_ASYNC=1, when somebody waits for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "driver_types.h"

namespace moe_emu
{
    struct Context;
    struct Stream;

    // The numbers are the driver's CUgraphNodeType; a record or a wait never becomes a node.
    enum class OperationKind
    {
        Kernel = 0,
        Copy = 1,
        Fill = 2,
        HostCall = 3,
        Graph = 4,
        Mark = 5,
    };

    struct Operation
    {
        OperationKind kind;
        std::function<CUresult()> run;
    };

    struct Graph
    {
        std::vector<Operation> nodes;
    };

    // An instantiated graph; a launch keeps the nodes that it was launched with.
    struct GraphExec
    {
        std::shared_ptr<std::vector<Operation>> nodes;
    };

    struct Capture
    {
        Stream* origin;
        int mode;
        std::unique_ptr<Graph> graph;
        std::set<Stream*> members;
        bool broken = false;
    };

    // A point in a stream.
    struct Mark
    {
        Stream* stream;
        bool done = false;
        double milliseconds = 0;
    };

    struct Event
    {
        Context* context;
        bool has_timing;
        std::shared_ptr<Mark> mark;      // of the latest record outside of a capture
        std::weak_ptr<Capture> capture;  // of the latest record inside one
        std::set<size_t> seen;           // the nodes that were before it
        bool is_captured = false;
    };

    struct Stream
    {
        Context* context;
        bool waits_for_default;
        std::deque<Operation> queue;
        std::shared_ptr<Capture> capture;
        std::set<size_t> seen; // the nodes of the capture that are before this stream's next
    };

    constexpr int CaptureGlobal = 0;

    void enqueue(Stream& stream, Operation operation);
    void run_next(Stream& stream);
    void drain(Stream& stream);

    void record(Event& event, Stream& stream);
    void wait_for(Stream& stream, const Event& event);

    void begin_capture(Stream& stream, int mode);
    std::unique_ptr<Graph> end_capture(Stream& stream);

    // What could not be captured breaks captures that are under way, and throws.
    void forbid_while_capturing();
    // As that, if the stream is being captured.
    void forbid_if_captured(Stream& stream);
}
