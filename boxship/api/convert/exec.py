"""Exec sessions between Docker's JSON and the domain."""

from boxship.api.convert.detach_keys import parse_detach_keys
from boxship.api.schema.exec import ExecConfig, ExecInspected, ProcessConfig
from boxship.api.schema.shape import string_list
from boxship.engine.containers.execs import ExecRequest, ExecSession


def exec_request(body: ExecConfig) -> ExecRequest:
    """Read what is to be run. Raises InvalidParameterError for bad detach keys."""
    size = body.console_size
    return ExecRequest(
        args=tuple(string_list(body.cmd) or ()),
        env=tuple(body.env or ()),
        user=body.user,
        working_dir=body.working_dir,
        tty=body.tty,
        privileged=body.privileged,
        attach_stdin=body.attach_stdin,
        attach_stdout=body.attach_stdout,
        attach_stderr=body.attach_stderr,
        detach_keys=parse_detach_keys(body.detach_keys),
        console_size=(size[0], size[1]) if body.tty and size and len(size) == 2 else None,
    )


def exec_json(session: ExecSession) -> ExecInspected:
    """Write a session."""
    request = session.request
    entrypoint, *arguments = request.args
    return ExecInspected(
        id=session.id,
        running=session.running,
        exit_code=session.exit_code,
        process_config=ProcessConfig(
            tty=request.tty,
            entrypoint=entrypoint,
            arguments=arguments,
            privileged=request.privileged,
            user=request.user,
        ),
        open_stdin=request.attach_stdin,
        open_stderr=request.attach_stderr,
        open_stdout=request.attach_stdout,
        can_remove=session.started and not session.running,
        container_id=session.container_id,
        detach_keys="",
        pid=session.pid,
    )
