#include "streams.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace moe_emu
{
    namespace
    {
        std::set<Capture*> captures; // those under way

        bool is_deferred()
        {
            static const bool deferred = getenv("MOE_EMU_ASYNC") && !strcmp(getenv("MOE_EMU_ASYNC"), "1");
            return deferred;
        }

        double now()
        {
            return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
        }

        void run(Stream& stream, const Operation& operation)
        {
            Context& context = *stream.context;
            if (context.error == CUDA_SUCCESS) context.error = operation.run();
        }

        void join(Stream& stream, const std::shared_ptr<Capture>& capture)
        {
            stream.capture = capture;
            stream.seen.clear();
            capture->members.insert(&stream);
        }

        [[noreturn]] void break_capture(Capture& capture, CUresult code)
        {
            capture.broken = true;
            throw code;
        }
    }

    void enqueue(Stream& stream, Operation operation)
    {
        if (stream.capture)
        {
            Capture& capture = *stream.capture;
            if (capture.broken) throw CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
            stream.seen.insert(capture.graph->nodes.size());
            capture.graph->nodes.push_back(std::move(operation));
            return;
        }

        Context& context = *stream.context;
        bool is_default = &stream == &context.default_stream;
        if (is_default)
            for (Stream* other : context.streams)
                if (other->waits_for_default)
                {
                    if (other->capture) break_capture(*other->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
                    drain(*other);
                }

        if (is_deferred() && !is_default) stream.queue.push_back(std::move(operation));
        else run(stream, operation);
    }

    void run_next(Stream& stream)
    {
        if (stream.queue.empty()) return;
        Operation next = std::move(stream.queue.front());
        stream.queue.pop_front();
        run(stream, next);
    }

    void drain(Stream& stream)
    {
        while (!stream.queue.empty()) run_next(stream);
    }

    void record(Event& event, Stream& stream)
    {
        if (stream.capture)
        {
            if (stream.capture->broken) throw CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
            event.capture = stream.capture;
            event.seen = stream.seen;
            event.is_captured = true;
            return;
        }

        auto mark = std::make_shared<Mark>(Mark{&stream});
        event.mark = mark;
        event.is_captured = false;
        enqueue(stream, {OperationKind::Mark, [mark]
        {
            mark->done = true;
            mark->milliseconds = now();
            return CUDA_SUCCESS;
        }});
    }

    void wait_for(Stream& stream, const Event& event)
    {
        if (event.is_captured)
        {
            auto capture = event.capture.lock();
            if (!capture) throw CUDA_ERROR_CAPTURED_EVENT;
            if (capture->broken) throw CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
            if (stream.capture && stream.capture != capture) break_capture(*capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
            if (!stream.capture) join(stream, capture);
            stream.seen.insert(event.seen.begin(), event.seen.end());
            return;
        }

        if (!event.mark) return;
        if (stream.capture) break_capture(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
        enqueue(stream, {OperationKind::Mark, [mark = event.mark]
        {
            while (!mark->done && !mark->stream->queue.empty()) run_next(*mark->stream);
            return CUDA_SUCCESS;
        }});
    }

    void begin_capture(Stream& stream, int mode)
    {
        if (stream.capture) throw CUDA_ERROR_INVALID_VALUE;
        if (&stream == &stream.context->default_stream) throw CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        auto capture = std::make_shared<Capture>();
        capture->origin = &stream;
        capture->mode = mode;
        capture->graph = std::make_unique<Graph>();
        captures.insert(capture.get());
        join(stream, capture);
    }

    std::unique_ptr<Graph> end_capture(Stream& stream)
    {
        auto capture = stream.capture;
        if (!capture) throw CUDA_ERROR_INVALID_VALUE;
        if (capture->origin != &stream) throw CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
        bool joined = stream.seen.size() == capture->graph->nodes.size();
        captures.erase(capture.get());
        for (Stream* member : capture->members)
        {
            member->capture = nullptr;
            member->seen.clear();
        }

        if (capture->broken) throw CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        if (!joined) throw CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
        return std::move(capture->graph);
    }

    void forbid_while_capturing()
    {
        bool any = false;
        for (Capture* capture : captures)
            if (capture->mode == CaptureGlobal) capture->broken = any = true;
        if (any) throw CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }

    void forbid_if_captured(Stream& stream)
    {
        if (stream.capture) break_capture(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
}
