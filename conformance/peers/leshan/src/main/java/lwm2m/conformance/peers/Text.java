package lwm2m.conformance.peers;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObject;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mRoot;

/** Values as lines of text that a script can compare: {@code /3/0/0=name}, a tab between two. */
final class Text {
    private Text() {
    }

    static String of(LwM2mPath path, LwM2mNode node) {
        Map<String, String> values = new TreeMap<>();
        collect(text(path), node, values);
        return joined(values);
    }

    static String of(Map<LwM2mPath, ? extends LwM2mNode> nodes) {
        Map<String, String> values = new TreeMap<>();
        nodes.forEach((path, node) -> collect(text(path), node, values));
        return joined(values);
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String text(LwM2mPath path) {
        return path.isRoot() ? "" : path.toString();
    }

    private static String joined(Map<String, String> values) {
        StringBuilder text = new StringBuilder();
        values.forEach((path, value) -> text.append(text.isEmpty() ? "" : "\t").append(path).append('=').append(value));
        return text.toString();
    }

    private static void collect(String path, LwM2mNode node, Map<String, String> values) {
        if (node == null) {
            values.put(path, "(nothing)");
        } else if (node instanceof LwM2mRoot root) {
            children(path, root.getObjects().values(), values);
        } else if (node instanceof LwM2mObject object) {
            children(path, object.getInstances().values(), values);
        } else if (node instanceof LwM2mObjectInstance instance) {
            children(path, instance.getResources().values(), values);
        } else if (node instanceof LwM2mResource resource && resource.isMultiInstances()) {
            children(path, resource.getInstances().values(), values);
        } else if (node instanceof LwM2mResource resource) {
            values.put(path, value(resource.getValue()));
        } else if (node instanceof LwM2mResourceInstance instance) {
            values.put(path, value(instance.getValue()));
        } else {
            values.put(path, node.toString());
        }
    }

    private static void children(String path, Collection<? extends LwM2mNode> nodes, Map<String, String> values) {
        for (LwM2mNode node : nodes) {
            int id = ((org.eclipse.leshan.core.node.LwM2mChildNode) node).getId();
            collect(path + "/" + id, node, values);
        }
    }

    private static String value(Object value) {
        if (value instanceof byte[] bytes) {
            return bytes.length + " bytes " + sha256(bytes);
        }
        if (value instanceof Date date) {
            return Long.toString(date.getTime() / 1000);
        }
        return String.valueOf(value);
    }
}
